import t from 'tap';
import { loadConfig } from '../../../src/config.ts';
import { ConfigError } from '../../../src/core/settings.ts';
import { checkTrustedProxies } from '../../../src/http/access/trusted-proxies.ts';

const check = (value: string) => checkTrustedProxies(loadConfig({ TRUSTED_PROXIES: value }));

t.test('addresses and networks are accepted', async (t) => {
  for (const value of [
    '',
    '10.1.2.3',
    '10.0.0.0/8, ::1',
    'fd00::/8,192.168.0.1/32',
    'fc00::/7',
    '2001:db8::/32',
    '::ffff:10.0.0.7',
    '::ffff:10.0.0.0/104',
  ])
    t.doesNotThrow(() => check(value), value);
});

t.test('a network with clients in it is refused, because they could choose their address', async (t) => {
  for (const value of [
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/00',
    '0.0.0.0/1,128.0.0.0/1',
    '8.0.0.0/7',
    '2000::/3',
    '::ffff:0:0/96',
    '::ffff:8.0.0.0/103',
    '10.0.0.1,::/0',
  ])
    t.throws(() => check(value), { name: ConfigError.name, message: /so large a network/ }, value);
});

t.test('to trust everything is refused, however it is said', async (t) => {
  for (const value of ['true', 'TRUE', '*', 'all', 'any', 'yes', 'on', '10.0.0.1, *'])
    t.throws(
      () => check(value),
      { name: ConfigError.name, message: /^TRUSTED_PROXIES: ".*" would believe every client/ },
      value,
    );
});

t.test('everything else is named in the error', async (t) => {
  for (const value of [
    'proxy',
    '10.0.0.0/33',
    '::1/129',
    '10.0.0/8',
    '10.0.0.1/x',
    '10.0.0.0/255.0.0.0',
    '1',
    'false',
    'loopback',
    '10.0.0.1,nginx',
  ])
    t.throws(() => check(value), { name: ConfigError.name, message: /^TRUSTED_PROXIES: ".*" is not/ }, value);
});
