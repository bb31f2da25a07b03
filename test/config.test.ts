import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import t from 'tap';
import { parse } from 'yaml';
import { checkSecrets } from '../src/auth/tokens/check-secrets.ts';
import { loadConfig } from '../src/config.ts';
import { ConfigError } from '../src/core/settings.ts';

t.test('an empty environment gives the documented defaults', async (t) => {
  const config = loadConfig({});
  t.equal(config.HOST, '127.0.0.1');
  t.equal(config.PORT, 8000);
  t.equal(config.MAX_FILE_BYTES, 50 * 1024 * 1024);
  t.equal(config.ALLOW_UNAUTHENTICATED, false);
  t.match(config.TEMP_IMAGE_DIR, /\.coreframe\/temp_images$/);
});

t.test('relative folders for temporary files are in DATA_DIR', async (t) => {
  const config = loadConfig({ DATA_DIR: '/data', TEMP_IMAGE_DIR: 'temp_images', TEMP_JSON_DIR: '/tmp/json' });
  t.equal(config.TEMP_IMAGE_DIR, '/data/temp_images');
  t.equal(config.TEMP_JSON_DIR, '/tmp/json');
});

t.test('text is converted to the type that the setting has; an empty value counts as unset', async (t) => {
  const config = loadConfig({ PORT: '9000', ALLOW_UNAUTHENTICATED: 'true', HOST: ' ' });
  t.equal(config.PORT, 9000);
  t.equal(config.ALLOW_UNAUTHENTICATED, true);
  t.equal(config.HOST, '127.0.0.1');
  for (const [text, value] of [
    ['True', true],
    ['1', true],
    ['FALSE', false],
    ['0', false],
  ] as const) {
    t.equal(loadConfig({ ALLOW_UNAUTHENTICATED: text }).ALLOW_UNAUTHENTICATED, value, text);
  }
});

t.test('a public URL is taken, whatever it is, if it is a URL', async (t) => {
  // The checker of settings knew no formats, and refused all that have one.
  t.equal(loadConfig({ PUBLIC_URL: 'https://images.example.org' }).PUBLIC_URL, 'https://images.example.org');
});

t.test('every bad value is named, with what it was', async (t) => {
  const load = () =>
    loadConfig({
      PORT: '70000',
      MAX_FILES: 'many',
      OPERATION_TIMEOUT_MS: '-1',
      PUBLIC_URL: 'images',
      ALLOW_UNAUTHENTICATED: 'maybe',
      LOG_LEVEL: 'loud',
    });
  t.throws(load, ConfigError);
  t.throws(load, {
    message: [
      'Bad configuration:',
      '  Expected an integer from 0 to 65535 for PORT but received 70000',
      '  Expected a URI for PUBLIC_URL but received "images"',
      '  Expected true or false for ALLOW_UNAUTHENTICATED but received "maybe"',
      '  Expected an integer from 1 to 1000 for MAX_FILES but received "many"',
      '  Expected an integer from 1 to 9007199254740991 for OPERATION_TIMEOUT_MS but received -1',
      '  Expected one of fatal, error, warn, info, debug, trace, silent for LOG_LEVEL but received "loud"',
    ].join('\n'),
  });
});

t.test('one bad value is told in one line', async (t) => {
  t.throws(() => loadConfig({ AUTH_MODE: 'off' }), {
    name: 'ConfigError',
    message: 'Bad configuration: Expected one of required, disabled for AUTH_MODE but received "off".',
  });
});

t.test('previous secrets are a list', async (t) => {
  t.strictSame(loadConfig({}).PREVIOUS_SECRETS, []);
  t.strictSame(loadConfig({ PREVIOUS_SECRETS: ' One==, two,, ' }).PREVIOUS_SECRETS, ['One==', 'two']);
});

t.test('a container starts the API as `npm start` does', async (t) => {
  const read = (name: string) => readFileSync(path.resolve(import.meta.dirname, '..', name), 'utf8');
  const command = /^CMD (\[.*\])$/m.exec(read('Dockerfile'))?.[1] ?? '';
  t.equal(`exec ${JSON.parse(command).join(' ')}`, JSON.parse(read('package.json')).scripts.start);
});

t.test('the settings of the container require authentication, and have no secret that works', async (t) => {
  const read = (name: string) => readFileSync(path.resolve(import.meta.dirname, '..', name), 'utf8');
  const compose = read('docker-compose.yml');
  const names = [...compose.matchAll(/\$\{(\w+):([?-])([^}]*)\}/g)].map(([, name, kind]) => `${name}${kind}`);
  t.strictSame(names, [
    'ALLOWED_HOSTS-',
    'SECRET?',
    'PREVIOUS_SECRETS-',
    'ADMIN_EMAIL-',
    'ADMIN_PASSWORD-',
    'QUEUE_URL-',
    'QUEUE_PASSWORD-',
    'QUEUE_URL-',
    'WORKER_CREDENTIAL-',
  ]);
  t.notMatch(compose, /ALLOW_UNAUTHENTICATED/);

  const settings = { ...parseEnv(read('.env.docker')), ALLOWED_HOSTS: 'api', ADMIN_EMAIL: '', SECRET: '' };
  const config = loadConfig(settings);
  t.equal(config.AUTH_MODE, 'required');
  t.equal(config.ALLOW_UNAUTHENTICATED, false);
  t.throws(() => checkSecrets(config), { message: /^SECRET is not set/ });
});

t.test('a worker in a container cannot reach the database, and knows nothing of it', async (t) => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../docker-compose.yml'), 'utf8');
  const { services } = parse(text) as {
    services: Record<string, { networks: string[]; environment?: object; command?: string[] }>;
  };
  const { db, api, worker, rabbitmq } = services;
  t.strictSame(db?.networks, ['storage']);
  t.strictSame(api?.networks, ['storage', 'work']);
  t.strictSame([worker?.networks, rabbitmq?.networks], [['work'], ['work']]);
  t.strictSame(Object.keys(worker?.environment ?? {}), ['API_URL', 'QUEUE_URL', 'WORKER_CREDENTIAL']);
  const { scripts } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../package.json'), 'utf8'));
  t.equal(`exec ${worker?.command?.join(' ')}`, scripts.worker, 'it starts as `npm run worker` does');
});

t.test('several containers of the API can run beside each other', async (t) => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../docker-compose.yml'), 'utf8');
  const [, api = ''] = text.split(/^ {2}api:$/m);
  const [, first = '', last = ''] = /"127\.0\.0\.1:(\d+)-(\d+):8000"/.exec(api) ?? [];
  t.equal(first, '8000');
  t.ok(Number(last) > Number(first), 'each gets a port of a range');
  t.notMatch(api, /container_name/);
  t.match(api, /ALLOWED_HOSTS: \$\{ALLOWED_HOSTS:-api\}/, 'other containers may name it');
});
