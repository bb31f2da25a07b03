import { BlockList, isIP } from 'node:net';
import type { AuthMode, AuthSettings } from '../../auth/settings.ts';
import { ConfigError } from '../../core/settings.ts';
import { type AccessSettings, splitList } from './settings.ts';

/** What an operator sets who lets other machines, or the pages of others, reach the service. */
type Exposure = Pick<
  AccessSettings,
  'HOST' | 'PUBLIC_URL' | 'ALLOWED_HOSTS' | 'TRUSTED_PROXIES' | 'CORS_ORIGINS'
>;

type Exposed = Exposure & Pick<AccessSettings, 'ALLOW_UNAUTHENTICATED'>;

/** It also finds IPv4 addresses that are written as IPv6 (`::ffff:127.0.0.1`). */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** The bits that are the same in all loopback addresses of IPv4. A network with fewer has others. */
const LOOPBACK_BITS = 8;

/** Entries of CORS_ORIGINS that let every page call the service. Any page can send `null`, from a sandboxed frame. */
const EVERY_PAGE = ['*', 'null'];

function isLoopback(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && LOOPBACK.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/** Whether a host name or an address is always one of this machine (RFC 6761, 6.3). */
function isLocalHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name);
}

function isLocalNetwork(entry: string): boolean {
  const [address = '', bits] = entry.split('/');
  if (!isLoopback(address)) return false;
  return bits === undefined || Number(bits) >= (isIP(address) === 4 ? LOOPBACK_BITS : 128);
}

/**
 * The first setting by which others may reach the service, as `NAME=value`; undefined if only this machine can. Pages of all origins are
 * others, because the browser of this machine makes their requests. An origin that CORS_ORIGINS names is trusted.
 */
export function findExposure(settings: Exposure): string | undefined {
  const { HOST, PUBLIC_URL, ALLOWED_HOSTS, TRUSTED_PROXIES, CORS_ORIGINS } = settings;
  // The system looks up other names below `.localhost` like any name.
  if (HOST.toLowerCase() !== 'localhost' && !isLoopback(HOST)) return `HOST=${HOST}`;
  if (PUBLIC_URL !== undefined && !isLocalHost(new URL(PUBLIC_URL).hostname))
    return `PUBLIC_URL=${PUBLIC_URL}`;
  const host = splitList(ALLOWED_HOSTS).find((name) => !isLocalHost(name));
  if (host !== undefined) return `ALLOWED_HOSTS=${host}`;
  const proxy = splitList(TRUSTED_PROXIES).find((entry) => !isLocalNetwork(entry));
  if (proxy !== undefined) return `TRUSTED_PROXIES=${proxy}`;
  const page = splitList(CORS_ORIGINS).find((origin) => EVERY_PAGE.includes(origin));
  return page === undefined ? undefined : `CORS_ORIGINS=${page}`;
}

/**
 * Whether credentials are required if the operator has not decided it: unless only this machine can reach the service.
 *
 * @throws ConfigError if ALLOW_UNAUTHENTICATED turns authentication off, and another setting is of use only with it
 */
export function defaultAuthMode(
  settings: Exposed & Pick<AuthSettings, 'SECRET' | 'ADMIN_EMAIL' | 'ADMIN_PASSWORD' | 'REGISTRATION'>,
): AuthMode {
  if (!settings.ALLOW_UNAUTHENTICATED) return findExposure(settings) === undefined ? 'disabled' : 'required';
  const used = (['SECRET', 'ADMIN_EMAIL', 'ADMIN_PASSWORD'] as const).find(
    (name) => settings[name] !== undefined,
  );
  const reason = settings.REGISTRATION === 'open' ? 'REGISTRATION=open' : used;
  if (reason === undefined) return 'disabled';
  throw new ConfigError(
    `${reason} is for a service with authentication, which ALLOW_UNAUTHENTICATED=true turns off. Decide with AUTH_MODE=required or AUTH_MODE=disabled.`,
  );
}

/**
 * Without authentication, others must not reach the service, unless the operator says that something else keeps them out.
 *
 * @throws ConfigError
 */
export function checkExposure(settings: Exposed & { AUTH_MODE: AuthMode }): void {
  if (settings.AUTH_MODE === 'required') {
    if (!settings.ALLOW_UNAUTHENTICATED) return;
    throw new ConfigError(
      'AUTH_MODE=required and ALLOW_UNAUTHENTICATED=true contradict each other. Remove one of them.',
    );
  }
  const exposure = findExposure(settings);
  if (settings.ALLOW_UNAUTHENTICATED || exposure === undefined) return;
  throw new ConfigError(
    `AUTH_MODE=disabled is only for this machine, but with ${exposure} others can reach the service. Set AUTH_MODE=required, or ALLOW_UNAUTHENTICATED=true if a proxy in front of it authenticates clients.`,
  );
}
