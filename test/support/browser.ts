import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Test } from 'tap';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why a test that needs a browser is to be skipped; false where there is one. In CI its lack is a failure instead. */
export const NO_BROWSER: string | false =
  existsSync(EXECUTABLE) || process.env.CI ? false : 'needs Chromium (apt-get install chromium, or CHROMIUM)';

/**
 * Starts a headless Chromium that ends with the test. Names below `.test` are this machine; no other host can be
 * reached.
 */
export async function openBrowser(t: Test) {
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP *.test 127.0.0.1, EXCLUDE 127.0.0.1, MAP * ~NOTFOUND',
    ],
  });
  t.teardown(() => browser.close());
  return browser;
}
