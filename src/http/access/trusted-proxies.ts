import { BlockList, isIP } from 'node:net';
import { ConfigError } from '../../core/settings.ts';
import { type AccessSettings, splitList } from './settings.ts';

/** What people write who want to trust every proxy. */
const EVERYTHING = ['true', 'yes', 'on', 'all', 'any', '*'];

/** IPv4 addresses within IPv6 (`::ffff:10.0.0.1`). */
const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

/** Bits that are the same in all addresses of the largest private networks: 10.0.0.0/8 and fc00::/7. */
const FEWEST_BITS = { ipv4: 8, mapped: 96 + 8, ipv6: 7 };

/**
 * Checks the entries of TRUSTED_PROXIES. A network larger than any private one is refused: clients would be among the proxies, and
 * could choose the address that they are counted by.
 *
 * @throws ConfigError
 */
export function checkTrustedProxies({ TRUSTED_PROXIES }: Pick<AccessSettings, 'TRUSTED_PROXIES'>): void {
  for (const entry of splitList(TRUSTED_PROXIES)) {
    const refuse = (reason: string): never => {
      throw new ConfigError(`TRUSTED_PROXIES: ${JSON.stringify(entry)} ${reason}`);
    };
    if (EVERYTHING.includes(entry))
      refuse('would believe every client. Name the addresses of proxies, such as 10.0.0.7.');
    const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const kind = isIP(address) === 4 ? 'ipv4' : MAPPED.check(address, 'ipv6') ? 'mapped' : 'ipv6';
    if (isIP(address) === 0 || Number(bits ?? 0) > (kind === 'ipv4' ? 32 : 128))
      refuse('is not an address or a network such as 10.0.0.0/8.');
    if (bits !== undefined && Number(bits) < FEWEST_BITS[kind])
      refuse('is so large a network that it includes clients. Name only the addresses of proxies.');
  }
}
