import path from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { artifactSettings } from './artifacts/settings.ts';
import { type AuthMode, authSettings, splitSecrets } from './auth/settings.ts';
import { blobSettings } from './blobs/settings.ts';
import { logSettings } from './core/log.ts';
import { refuseMisspelt } from './core/misspelt-settings.ts';
import { readSettings } from './core/settings.ts';
import { databaseSettings } from './db/settings.ts';
import { frameSettings } from './frames/settings.ts';
import { defaultAuthMode } from './http/access/exposure.ts';
import { accessSettings } from './http/access/settings.ts';
import { connectionSettings } from './http/connections/settings.ts';
import { imageSettings } from './images/settings.ts';
import { jobSettings } from './jobs/settings.ts';
import { pictureSettings } from './pictures/settings.ts';
import { folderSettings } from './system/settings.ts';
import { workSettings } from './work/settings.ts';

/**
 * Every setting, by the name of its environment variable, with its description and default. `npm run docs` writes the table in
 * `docs/configuration.md` from it, and a test compares the two.
 */
export const ConfigSchema = Type.Object({
  ...accessSettings,
  ...authSettings,
  ...connectionSettings,
  ...databaseSettings,
  ...folderSettings,
  ...imageSettings,
  ...pictureSettings,
  ...workSettings,
  ...frameSettings,
  ...artifactSettings,
  ...blobSettings,
  ...jobSettings,
  ...logSettings,
});

/** What other services call some of the settings. Without what they are meant to do, this one would be open or unsafe. */
const OTHER_NAMES: Readonly<Record<string, keyof RawConfig>> = {
  TRUST_PROXY: 'TRUSTED_PROXIES',
  TRUSTED_PROXY: 'TRUSTED_PROXIES',
  FORWARDED_ALLOW_IPS: 'TRUSTED_PROXIES',
  AUTH_ENABLED: 'AUTH_MODE',
  AUTH_REQUIRED: 'AUTH_MODE',
  ENABLE_AUTH: 'AUTH_MODE',
  REQUIRE_AUTH: 'AUTH_MODE',
};

type RawConfig = Static<typeof ConfigSchema>;

/** All settings, valid and complete. Paths of folders are absolute. */
export type Config = Omit<
  RawConfig,
  'TEMP_IMAGE_DIR' | 'TEMP_JSON_DIR' | 'AUTH_MODE' | 'PREVIOUS_SECRETS'
> & {
  TEMP_IMAGE_DIR: string;
  TEMP_JSON_DIR: string;
  AUTH_MODE: AuthMode;
  PREVIOUS_SECRETS: readonly string[];
};

/**
 * Reads all settings from environment variables, decides whether authentication is required if they do not say so, and makes the
 * paths of folders absolute: temporary folders are in DATA_DIR.
 *
 * @throws ConfigError naming every variable that is wrong or misspelt, or those that contradict each other about authentication
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  refuseMisspelt(Object.keys(ConfigSchema.properties), env, OTHER_NAMES);
  const settings = readSettings(ConfigSchema, env);
  const dataDir = path.resolve(settings.DATA_DIR);
  return {
    ...settings,
    AUTH_MODE: settings.AUTH_MODE ?? defaultAuthMode(settings),
    PREVIOUS_SECRETS: splitSecrets(settings.PREVIOUS_SECRETS),
    DATA_DIR: dataDir,
    TEMP_IMAGE_DIR: path.resolve(dataDir, settings.TEMP_IMAGE_DIR ?? 'temp_images'),
    TEMP_JSON_DIR: path.resolve(dataDir, settings.TEMP_JSON_DIR ?? 'temp_jsons'),
  };
}
