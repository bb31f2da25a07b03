import { count, type Settings } from '../../core/settings.ts';

export const connectionSettings = {
  IDLE_TIMEOUT_MS: count(
    'Maximum time without data during an upload or a download before the connection is closed, in milliseconds.',
    30_000,
    100,
  ),
  MIN_TRANSFER_RATE: count(
    'Minimum bytes per second of an upload or a download, averaged since the transfer started or last had to wait for the server; 0 turns the check off.',
    1024,
    0,
  ),
  SHUTDOWN_GRACE_MS: count('Maximum time to finish running requests after SIGTERM, in milliseconds.', 20_000),
};

export type ConnectionSettings = Settings<typeof connectionSettings>;
