import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { ConfigError, loadConfig } from '../src/config.ts';

t.test('an empty environment gives the documented defaults', async (t) => {
  const config = loadConfig({});
  t.equal(config.HOST, '127.0.0.1');
  t.equal(config.PORT, 8000);
  t.equal(config.MAX_FILE_BYTES, 50 * 1024 * 1024);
  t.equal(config.ALLOW_UNAUTHENTICATED, false);
  t.match(config.TEMP_IMAGE_DIR, /\.coreframe\/temp_images$/);
});

t.test('text is converted to the type that the setting has; an empty value counts as unset', async (t) => {
  const config = loadConfig({ PORT: '9000', ALLOW_UNAUTHENTICATED: 'true', HOST: ' ' });
  t.equal(config.PORT, 9000);
  t.equal(config.ALLOW_UNAUTHENTICATED, true);
  t.equal(config.HOST, '127.0.0.1');
});

t.test('every bad value is named, with what it was', async (t) => {
  const load = () =>
    loadConfig({ PORT: '70000', LOG_LEVEL: 'loud', MAX_FILES: 'many', OPERATION_TIMEOUT_MS: '-1' });
  t.throws(load, ConfigError);
  for (const name of ['PORT', 'LOG_LEVEL', 'MAX_FILES', 'OPERATION_TIMEOUT_MS']) {
    t.throws(load, { message: new RegExp(`${name}: .*\\(it is `) });
  }
});

t.test('a container starts the API as `npm start` does', async (t) => {
  const read = (name: string) => readFileSync(path.resolve(import.meta.dirname, '..', name), 'utf8');
  const command = /^CMD (\[.*\])$/m.exec(read('Dockerfile'))?.[1] ?? '';
  t.equal(JSON.parse(command).join(' '), JSON.parse(read('package.json')).scripts.start);
});
