import path from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { artifactSettings } from './artifacts/settings.ts';
import { blobSettings } from './blobs/settings.ts';
import { logSettings } from './core/log.ts';
import { misspeltSettings } from './core/misspelt-settings.ts';
import { ConfigError, readSettings } from './core/settings.ts';
import { databaseSettings } from './db/settings.ts';
import { frameSettings } from './frames/settings.ts';
import { accessSettings } from './http/access/settings.ts';
import { connectionSettings } from './http/connections/settings.ts';
import { imageSettings } from './images/settings.ts';
import { pictureSettings } from './pictures/settings.ts';
import { folderSettings } from './system/settings.ts';
import { workSettings } from './work/settings.ts';

/**
 * Every setting, by the name of its environment variable, with its description and default. `npm run docs` writes the table in
 * `docs/configuration.md` from it, and a test compares the two.
 */
export const ConfigSchema = Type.Object({
  ...accessSettings,
  ...connectionSettings,
  ...databaseSettings,
  ...folderSettings,
  ...imageSettings,
  ...pictureSettings,
  ...workSettings,
  ...frameSettings,
  ...artifactSettings,
  ...blobSettings,
  ...logSettings,
});

type RawConfig = Static<typeof ConfigSchema>;

/** All settings, valid and complete. Paths of folders are absolute. */
export type Config = Omit<RawConfig, 'TEMP_IMAGE_DIR' | 'TEMP_JSON_DIR'> & {
  TEMP_IMAGE_DIR: string;
  TEMP_JSON_DIR: string;
};

/**
 * Reads all settings from environment variables, and makes the paths of folders absolute: temporary folders are in DATA_DIR.
 *
 * @throws ConfigError naming every variable that is wrong or misspelt
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  refuseMisspelt(env);
  const settings = readSettings(ConfigSchema, env);
  const dataDir = path.resolve(settings.DATA_DIR);
  return {
    ...settings,
    DATA_DIR: dataDir,
    TEMP_IMAGE_DIR: path.resolve(dataDir, settings.TEMP_IMAGE_DIR ?? 'temp_images'),
    TEMP_JSON_DIR: path.resolve(dataDir, settings.TEMP_JSON_DIR ?? 'temp_jsons'),
  };
}

function refuseMisspelt(env: Readonly<Record<string, string | undefined>>): void {
  const found = misspeltSettings(Object.keys(ConfigSchema.properties), env);
  if (found.length === 0) return;
  const hints = found.map(({ given, meant }) => `${given} (did you mean ${meant}?)`);
  throw new ConfigError(`There is no setting ${hints.join(', ')}. Correct the name, or remove the variable.`);
}
