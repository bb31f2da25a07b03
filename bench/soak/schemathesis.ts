import { hasSchemathesis, runSchemathesis } from '../../test/http/docs/schemathesis/run.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

/** Seconds of each run; SCHEMATHESIS_SECONDS sets another number. */
const SECONDS = Number(process.env.SCHEMATHESIS_SECONDS ?? 180);
/** SCHEMATHESIS_SEED sets another one, for other requests. */
const SEED = Number(process.env.SCHEMATHESIS_SEED ?? 1);

/** Sends requests that Schemathesis derives from the OpenAPI document, right ones and wrong ones, and compares the answers with it. */
export const soak: Soak = () =>
  onStage(async (stage) => {
    if (!hasSchemathesis)
      throw new Error('Set PYTHON to a Python with the packages of test/requirements.txt.');
    const { url } = await stage.startServer();
    const run = await runSchemathesis(url, { folder: stage.folder, seconds: SECONDS, seed: SEED });
    if (run.failures !== '') console.log(run.failures);
    const { requests, excluded, tested, operations } = run;
    const failures = run.hasPassed ? [] : ['Answers are not as the document says.'];
    if (tested < operations) failures.push(`Only ${tested} of ${operations} operations were tested.`);
    return { figures: { requests, excluded, operations: tested, seed: SEED }, failures };
  });
