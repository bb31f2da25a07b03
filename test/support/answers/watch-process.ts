// Imported by a server process before its own code (`node --import`): compares its answers with its document, and searches its problems
// for secrets. What is wrong is written to the file that ANSWER_DIFFERENCES_FILE names, each at once, because the process may be killed;
// the secrets that the process receives and issues to the file that SECRETS_FILE names. With IS_FUZZED=true, clients send random text,
// so that only what the process issues is a secret.
import { appendFileSync } from 'node:fs';
import { SecretWatch } from '../secrets.ts';
import { watchNewInstances } from './watch-answers.ts';

const { ANSWER_DIFFERENCES_FILE: differences = '', SECRETS_FILE: secrets = '', IS_FUZZED } = process.env;
watchNewInstances((difference) => appendFileSync(differences, `${difference}\n`));
const watch = new SecretWatch(
  {},
  {
    isForFuzzing: IS_FUZZED === 'true',
    onSecret: (what, secret) => appendFileSync(secrets, `${JSON.stringify([what, secret])}\n`),
    onLeak: (leak) => appendFileSync(differences, `A secret: ${leak}\n`),
  },
);
watch.watchNewInstances();
