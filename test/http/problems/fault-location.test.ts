import t from 'tap';
import { locateFault } from '../../../src/http/problems/fault-location.ts';

const REQUESTS = {
  get: { method: 'GET', params: { id: '1' }, query: { width: 3 } },
  post: { method: 'POST', params: { id: '1' }, query: {} },
  upload: { method: 'POST', params: {}, query: { null_values: [] } },
};

for (const [request, path, location] of [
  ['get', '/width', 'query'],
  ['get', '/height', 'query'],
  ['get', '', 'query'],
  ['get', '/id', 'path'],
  ['post', '/width', 'body'],
  ['post', '/operations/0/id', 'body'],
  ['post', '/toString', 'body'],
  ['post', '', 'body'],
  ['post', '/id', 'path'],
  ['upload', '/file', 'body'],
  ['upload', '/null_values', 'query'],
] as const) {
  t.test(`a fault at "${path}" of a ${request} is in its ${location}`, async (t) => {
    t.strictSame(locateFault({ path, message: 'Wrong' }, REQUESTS[request]), {
      location,
      path,
      message: 'Wrong',
    });
  });
}

t.test('a location that is known stays', async (t) => {
  const fault = { location: 'header', path: '/id', message: 'Wrong' } as const;
  t.strictSame(locateFault(fault, REQUESTS.get), fault);
});
