import t from 'tap';
import { loadConfig } from '../../../src/config.ts';
import { checkPublicUrl } from '../../../src/http/access/public-url.ts';

const check = (url: string) => checkPublicUrl(loadConfig({ PUBLIC_URL: url }));

t.test('addresses that browsers can open are accepted', async (t) => {
  t.doesNotThrow(() => checkPublicUrl(loadConfig({})));
  for (const url of ['https://images.example.org', 'http://10.0.0.7:8000/', 'https://example.org/images/'])
    t.doesNotThrow(() => check(url), url);
});

t.test('others are refused, and never repeated', async (t) => {
  for (const [url, message] of [
    ['ftp://images.example.org', /https:\/\/ or http:/],
    ['javascript:alert(1)', /https:\/\/ or http:/],
    ['https://ada:s3cret@images.example.org', /a user name or a password/],
    ['https://s3cret@images.example.org', /a user name or a password/],
    ['https://images.example.org/?token=s3cret', /without \? and #/],
    ['https://images.example.org/#s3cret', /without \? and #/],
  ] as const) {
    t.throws(() => check(url), { name: 'ConfigError', message }, url);
    t.throws(() => check(url), { message: /^PUBLIC_URL (?!.*s3cret)/ }, url);
  }
});
