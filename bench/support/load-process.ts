/** Main module of the load generator: a process of its own, so that it takes nothing from either side's event loop. */
import { generateLoad, type Load } from './load.ts';

process.on('message', (load: Load) => {
  generateLoad(load).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
