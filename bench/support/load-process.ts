/** Main module of the load generator: a process of its own, so that it takes nothing from either side's event loop. */
import { generateLoad } from './load.ts';
import { serve } from './serve.ts';

serve(generateLoad);
