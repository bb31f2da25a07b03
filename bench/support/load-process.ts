/** Main module of the load generator, a separate process so that it does not delay the event loop of either side. */
import { generateLoad } from './load.ts';
import { serve } from './serve.ts';

serve(generateLoad);
