import { configurationPage } from './configuration.ts';
import { errorsPage } from './errors.ts';
import { metricsPage } from './metrics.ts';
import { operationsPage } from './operations.ts';
import { validationPage } from './validation.ts';

/** The generated pages by their file in `docs/`. */
export const PAGES: Readonly<Record<string, () => string>> = {
  'configuration.md': configurationPage,
  'errors.md': errorsPage,
  'metrics.md': metricsPage,
  'operations.md': operationsPage,
  'validation.md': validationPage,
};
