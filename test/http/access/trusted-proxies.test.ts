import t from 'tap';
import { loadConfig } from '../../../src/config.ts';
import { ConfigError } from '../../../src/core/settings.ts';
import { checkTrustedProxies } from '../../../src/http/access/settings.ts';

const check = (value: string) => checkTrustedProxies(loadConfig({ TRUSTED_PROXIES: value }));

t.test('addresses and networks are accepted', async (t) => {
  for (const value of ['', '10.1.2.3', '10.0.0.0/8, ::1', 'fd00::/8,192.168.0.1/32'])
    t.doesNotThrow(() => check(value), value);
});

t.test('a network of all addresses is refused, because every client could choose its address', async (t) => {
  for (const value of ['0.0.0.0/0', '::/0', '10.0.0.0/00'])
    t.throws(() => check(value), { name: ConfigError.name, message: /includes every client/ }, value);
});

t.test('everything else is named in the error', async (t) => {
  for (const value of ['proxy', '10.0.0.0/33', '::1/129', '10.0.0/8', '10.0.0.1/x', 'true', '10.0.0.1,nginx'])
    t.throws(() => check(value), { name: ConfigError.name, message: /^TRUSTED_PROXIES: ".*" is not/ }, value);
});
