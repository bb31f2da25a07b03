import t from 'tap';
import { ConfigSchema, loadConfig } from '../../src/config.ts';
import { misspeltSettings } from '../../src/core/misspelt-settings.ts';

const SETTINGS = Object.keys(ConfigSchema.properties);

const find = (...names: string[]) =>
  misspeltSettings(SETTINGS, Object.fromEntries(names.map((name) => [name, 'x'])));

t.test('a name that is nearly a setting is told, with that setting', async (t) => {
  for (const [given, meant] of [
    ['MAX_DECODE_BYTE', 'MAX_DECODE_BYTES'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABASE_ULR', 'DATABASE_URL'],
    ['database_url', 'DATABASE_URL'],
    ['DATADIR', 'DATA_DIR'],
    ['ALLOWED_HOST', 'ALLOWED_HOSTS'],
    ['ALOWED_HOST', 'ALLOWED_HOSTS'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['IMAGE_CONCURENCY', 'IMAGE_CONCURRENCY'],
  ] as const)
    t.strictSame(find(given), [{ given, meant }]);
});

t.test('settings and the variables of systems, npm and orchestrators are left alone', async (t) => {
  t.strictSame(find(...SETTINGS), []);
  t.strictSame(
    find(
      'HOSTNAME',
      'HOSTS',
      'PORTS',
      'PROT',
      'LOGNAME',
      'TMPDIR',
      'TEMP',
      'XDG_DATA_DIRS',
      'NODE_ENV',
      'PGDATA',
      'DATABASE_PORT',
      'COREFRAME_PORT',
      'COREFRAME_SERVICE_HOST',
      'KUBERNETES_PORT',
      'npm_config_loglevel',
      'npm_lifecycle_event',
      'POSTGRES_DB',
    ),
    [],
  );
  t.strictSame(misspeltSettings(SETTINGS, process.env), []);
});

t.test('what other services call a setting is told, with the name that it has here', async (t) => {
  for (const [given, meant] of [
    ['TRUST_PROXY', 'TRUSTED_PROXIES'],
    ['trust_proxy', 'TRUSTED_PROXIES'],
    ['TRUSTED_PROXY', 'TRUSTED_PROXIES'],
    ['FORWARDED_ALLOW_IPS', 'TRUSTED_PROXIES'],
    ['AUTH_ENABLED', 'AUTH_MODE'],
    ['AUTH_REQUIRED', 'AUTH_MODE'],
    ['ENABLE_AUTH', 'AUTH_MODE'],
    ['REQUIRE_AUTH', 'AUTH_MODE'],
    ['PREVIOUS_SECRET', 'PREVIOUS_SECRETS'],
    ['ADMIN_MAIL', 'ADMIN_EMAIL'],
  ] as const)
    t.throws(() => loadConfig({ [given]: 'x' }), {
      name: 'ConfigError',
      message: `There is no setting ${given} (did you mean ${meant}?). Correct the name, or remove the variable.`,
    });
});

t.test('loading names every misspelt variable', async (t) => {
  t.throws(() => loadConfig({ DATA_DRI: '/tmp', MAX_FILE: '3' }), {
    name: 'ConfigError',
    message: /DATA_DRI \(did you mean DATA_DIR\?\), MAX_FILE \(did you mean MAX_FILES\?\)/,
  });
});
