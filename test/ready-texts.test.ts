import t from 'tap';
import { loadConfig } from '../src/config.ts';
import { readyLine, readyText, setupLine } from '../src/ready-texts.ts';

const ADDRESS = 'http://127.0.0.1:8000';
const off = loadConfig({ DATA_DIR: '/data' });
const required = loadConfig({ AUTH_MODE: 'required', DATABASE_URL: 'postgresql://ada:s3cret@db/images' });
const published = loadConfig({ PUBLIC_URL: 'https://images.example.org/v1/' });

t.test('the line of the log says where the service is, and whether authentication is off', async (t) => {
  t.match(readyLine(off, ADDRESS), /docs at http:\/\/127\.0\.0\.1:8000\/docs, data in \/data; .* is off$/);
  t.match(
    readyLine(required, ADDRESS),
    /data in the PostgreSQL of DATABASE_URL; authentication is required$/,
  );
  t.match(readyLine(published, ADDRESS), /docs at https:\/\/images\.example\.org\/v1\/docs,.* is required$/);
});

t.test('so does the text on a terminal', async (t) => {
  t.match(
    readyText(off, ADDRESS, undefined),
    /\n {2}Data {2}in \/data\n.*\n\nNobody has to log in\. The log/s,
  );
  const text = readyText(required, ADDRESS, undefined);
  t.notMatch(text, /Nobody has to|s3cret|auth\/setup/);
  t.match(text, /Every client needs to log in or to have an API key\. The log/);
});

t.test('without an administrator, both say how to create one', async (t) => {
  t.match(
    readyText(required, ADDRESS, 'cfs_x'),
    `  curl ${ADDRESS}/auth/setup -H 'Content-Type: application/json' \\
    -d '{"setup_token": "cfs_x", "email": "…", "password": "…"}'`,
  );
  t.match(setupLine(published, ADDRESS), 'POST https://images.example.org/v1/auth/setup,');
});
