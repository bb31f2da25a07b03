import t from 'tap';
import { loadConfig } from '../../../src/config.ts';
import { ConfigError } from '../../../src/core/settings.ts';
import { checkExposure, findExposure } from '../../../src/http/access/exposure.ts';

type Settings = Record<string, string>;

/** Settings with which only this machine can reach the service. */
const LOCAL: Settings[] = [
  {},
  { HOST: '127.0.0.1' },
  { HOST: '127.8.9.10' },
  { HOST: 'localhost' },
  { HOST: 'LocalHost' },
  { HOST: '::1' },
  { HOST: '0:0:0:0:0:0:0:1' },
  { HOST: '::ffff:127.0.0.1' },
  { PUBLIC_URL: 'http://localhost:3000' },
  { PUBLIC_URL: 'http://LOCALHOST/' },
  { PUBLIC_URL: 'https://images.localhost' },
  { PUBLIC_URL: 'http://127.0.0.1:8000/images' },
  { PUBLIC_URL: 'http://[::1]:8000' },
  { ALLOWED_HOSTS: 'localhost' },
  { ALLOWED_HOSTS: '127.0.0.1, [::1], ::1, images.localhost' },
  { TRUSTED_PROXIES: '127.0.0.1' },
  { TRUSTED_PROXIES: '127.0.0.0/8,::1,::1/128' },
  { CORS_ORIGINS: 'http://localhost:5173, https://tool.example.org' },
  { HOST: '::1', PUBLIC_URL: 'http://localhost', ALLOWED_HOSTS: 'localhost', TRUSTED_PROXIES: '::1' },
];

/** Settings with which others can, and what the message names. */
const EXPOSED: [Settings, named: string][] = [
  [{ HOST: '0.0.0.0' }, 'HOST=0.0.0.0'],
  [{ HOST: '0' }, 'HOST=0'],
  [{ HOST: '::' }, 'HOST=::'],
  [{ HOST: '::ffff:0.0.0.0' }, 'HOST=::ffff:0.0.0.0'],
  [{ HOST: '192.168.1.7' }, 'HOST=192.168.1.7'],
  [{ HOST: 'fe80::1' }, 'HOST=fe80::1'],
  [{ HOST: '127.1' }, 'HOST=127.1'],
  [{ HOST: '127.0.0.1.nip.io' }, 'HOST=127.0.0.1.nip.io'],
  [{ HOST: 'localhost.example.org' }, 'HOST=localhost.example.org'],
  [{ HOST: 'images.localhost' }, 'HOST=images.localhost'],
  [{ HOST: 'images.example.org' }, 'HOST=images.example.org'],
  [{ PUBLIC_URL: 'https://images.example.org' }, 'PUBLIC_URL=https://images.example.org'],
  [{ PUBLIC_URL: 'http://192.168.1.7:8000' }, 'PUBLIC_URL=http://192.168.1.7:8000'],
  [{ PUBLIC_URL: 'http://localhost.example.org' }, 'PUBLIC_URL=http://localhost.example.org'],
  [{ PUBLIC_URL: 'http://[2001:db8::1]/' }, 'PUBLIC_URL=http://[2001:db8::1]/'],
  [{ ALLOWED_HOSTS: '*' }, 'ALLOWED_HOSTS=*'],
  [{ ALLOWED_HOSTS: 'api' }, 'ALLOWED_HOSTS=api'],
  [{ ALLOWED_HOSTS: 'localhost,images.example.org' }, 'ALLOWED_HOSTS=images.example.org'],
  [{ ALLOWED_HOSTS: 'notlocalhost' }, 'ALLOWED_HOSTS=notlocalhost'],
  [{ ALLOWED_HOSTS: '[2001:db8::1]' }, 'ALLOWED_HOSTS=[2001:db8::1]'],
  [{ TRUSTED_PROXIES: '10.0.0.7' }, 'TRUSTED_PROXIES=10.0.0.7'],
  [{ TRUSTED_PROXIES: '127.0.0.1,172.16.0.0/12' }, 'TRUSTED_PROXIES=172.16.0.0/12'],
  // Networks that begin with a loopback address and contain others.
  [{ TRUSTED_PROXIES: '127.0.0.1/1' }, 'TRUSTED_PROXIES=127.0.0.1/1'],
  [{ TRUSTED_PROXIES: '::1/64' }, 'TRUSTED_PROXIES=::1/64'],
  [{ TRUSTED_PROXIES: 'fd00::/8' }, 'TRUSTED_PROXIES=fd00::/8'],
  // Any page can do what these allow.
  [{ CORS_ORIGINS: '*' }, 'CORS_ORIGINS=*'],
  [{ CORS_ORIGINS: 'https://tool.example.org, *' }, 'CORS_ORIGINS=*'],
  [{ CORS_ORIGINS: 'null' }, 'CORS_ORIGINS=null'],
  [{ HOST: '::1', PUBLIC_URL: 'http://localhost', TRUSTED_PROXIES: '10.0.0.7' }, 'TRUSTED_PROXIES=10.0.0.7'],
];

const show = (settings: Settings) => JSON.stringify(settings);

t.test(
  'authentication is off by default if only this machine can reach the service, and may be required',
  async (t) => {
    for (const settings of LOCAL) {
      const config = loadConfig(settings);
      t.equal(config.AUTH_MODE, 'disabled', show(settings));
      t.equal(findExposure(config), undefined, show(settings));
      for (const given of [{}, { AUTH_MODE: 'disabled' }, { AUTH_MODE: 'required' }]) {
        const load = () => checkExposure(loadConfig({ ...settings, ...given }));
        t.doesNotThrow(load, show({ ...settings, ...given }));
      }
    }
  },
);

t.test('otherwise it is required by default, and off only if the operator answers for it', async (t) => {
  for (const [settings, named] of EXPOSED) {
    const config = loadConfig(settings);
    t.equal(config.AUTH_MODE, 'required', show(settings));
    t.equal(findExposure(config), named);
    t.doesNotThrow(() => checkExposure(config), show(settings));
    t.throws(
      () => checkExposure(loadConfig({ ...settings, AUTH_MODE: 'disabled' })),
      {
        name: ConfigError.name,
        message: `AUTH_MODE=disabled is only for this machine, but with ${named} others can reach the service. Set AUTH_MODE=required, or ALLOW_UNAUTHENTICATED=true if a proxy in front of it authenticates clients.`,
      },
      show(settings),
    );
    for (const given of [{}, { AUTH_MODE: 'disabled' }]) {
      const allowed = loadConfig({ ...settings, ...given, ALLOW_UNAUTHENTICATED: 'true' });
      t.equal(allowed.AUTH_MODE, 'disabled', show(settings));
      t.doesNotThrow(() => checkExposure(allowed), show(settings));
    }
  }
});

t.test('settings that contradict each other are refused', async (t) => {
  for (const settings of [...LOCAL, ...EXPOSED.map(([exposed]) => exposed)]) {
    const both = { ...settings, AUTH_MODE: 'required', ALLOW_UNAUTHENTICATED: 'true' };
    t.throws(() => checkExposure(loadConfig(both)), {
      name: 'ConfigError',
      message: /contradict each other/,
    });
  }
  for (const [name, value] of [
    ['SECRET', 'x'],
    ['ADMIN_EMAIL', 'ada@example.org'],
    ['ADMIN_PASSWORD', 'x'],
    ['REGISTRATION', 'open'],
  ] as const) {
    for (const settings of [{}, { HOST: '0.0.0.0' }]) {
      const undecided = { ...settings, [name]: value, ALLOW_UNAUTHENTICATED: 'true' };
      t.throws(() => loadConfig(undecided), {
        name: 'ConfigError',
        message: /^(SECRET|ADMIN_\w+|REGISTRATION=open) is for a service with authentication/,
      });
      t.equal(loadConfig({ ...undecided, AUTH_MODE: 'disabled' }).AUTH_MODE, 'disabled', 'it is decided');
    }
  }
});
