import t from 'tap';
import { testClients } from './run-client.ts';

t.test('generated clients compile and get what plain requests get', (t) => testClients(t, 'go'));
