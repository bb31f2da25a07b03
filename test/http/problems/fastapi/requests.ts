import { multipartBody } from '../../../support/app.ts';

export interface WrongRequest {
  /** What is wrong, for people. */
  what: string;
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With `{id}` for the id of an image. */
  url: string;
  headers: Record<string, string>;
  body: Buffer;
}

const IMAGE = '/images/{id}';

const NO_BODY = { headers: {}, body: Buffer.alloc(0) };

const get = (what: string, url: string): WrongRequest => ({ what, method: 'GET', url, ...NO_BODY });

function json(what: string, url: string, body: unknown, method: 'POST' | 'PATCH' = 'POST'): WrongRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { what, method, url, headers: { 'content-type': 'application/json' }, body: Buffer.from(text) };
}

const pipeline = (what: string, ...operations: unknown[]) => json(what, `${IMAGE}/transform`, { operations });

function files(what: string, url: string, field: string, csv = 'depth,a\n1,2\n'): WrongRequest {
  const bytes = Buffer.from(csv);
  return { what, method: 'POST', url, ...multipartBody([{ bytes, filename: 'a.csv', field }]) };
}

/** Requests that both services refuse. */
export const WRONG_REQUESTS: WrongRequest[] = [
  get('text for an integer', `${IMAGE}/resize?width=wide`),
  get('a fraction for an integer', `${IMAGE}/resize?width=1.5`),
  get('an integer below its range', `${IMAGE}/resize?width=0`),
  get('a huge integer', `${IMAGE}/resize?width=99999999999999999999`),
  get('an empty value', `${IMAGE}/resize?width=`),
  get('a misspelt name', `${IMAGE}/resize?width=10&heigth=10`),
  get('a wrong choice', `${IMAGE}/resize?width=10&fit=crop`),
  get('a wrong boolean', `${IMAGE}/resize?width=10&without_enlargement=maybe`),
  get('faults in the path and the query', '/images/none/resize?width=0&fit=crop&heigth=1'),
  get('infinity for a number', `${IMAGE}/resize?width=10&dither=Infinity`),
  get('NaN for a number', `${IMAGE}/resize?width=10&dither=NaN`),
  get('wrong items of a list', `${IMAGE}/histogram?percentiles=5&percentiles=101&percentiles=x`),
  get('too few items', `${IMAGE}/histogram?edges=1`),
  get('text that does not match', `${IMAGE}/histogram?region=1,2,3`),
  get('a wrong UUID in the query', `${IMAGE}/histogram?mask=1`),
  get('a wrong UUID in the path', '/images/1/histogram'),
  get('several faults in the query', '/frames?depth_min=a&order=up&limit=0&colour=red'),
  get('a wrong UUID among the items', '/frames?frame_set_id=1'),
  get('a minimum above its maximum', '/frames?depth_min=9&depth_max=1'),
  get('an unknown path', '/picture'),
  { what: 'a wrong method', method: 'DELETE', url: '/frames', ...NO_BODY },
  json('text for an integer in JSON', `${IMAGE}/resize`, { width: 'wide' }),
  json('null for an object', `${IMAGE}/resize`, 'null'),
  json('an array for an object', `${IMAGE}/resize`, []),
  json('broken JSON', `${IMAGE}/resize`, '{"width": 1,}'),
  json('JSON that is cut off', `${IMAGE}/resize`, '{"width": '),
  json('NaN in JSON', `${IMAGE}/resize`, '{"width": NaN}'),
  json('an empty body', `${IMAGE}/resize`, ''),
  json('faults in the path and the body', '/images/none/resize', { width: 0, fit: 'crop', heigth: 1 }),
  json('faults in the path, the query and the body', '/images/none/resize?nope=1', { width: 0, fit: 'crop' }),
  json('a parameter of the body in the query', `${IMAGE}/resize?width=0`, { height: 'tall' }),
  json('neither of two values', `${IMAGE}/resize`, {}),
  {
    ...json('a wrong content type', `${IMAGE}/resize`, { width: 1 }),
    headers: { 'content-type': 'text/plain' },
  },
  pipeline('too many operations', ...Array.from({ length: 51 }, () => ({ op: 'rotate' }))),
  pipeline('an unknown operation', { op: 'spin' }),
  pipeline('an operation without its name', { width: 10 }),
  pipeline('a fault in the second operation', { op: 'rotate' }, { op: 'resize', width: 0 }),
  pipeline(
    'faults in several operations',
    { op: 'rotate', angle: 400 },
    { op: 'spin' },
    { op: 'resize', widht: 1, width: 'a' },
  ),
  pipeline('text for an operation', 'resize'),
  json('null for a list', `${IMAGE}/transform`, { operations: null }),
  json('a fault in a nested object', `${IMAGE}/transform`, {
    operations: [{ op: 'rotate' }],
    output: { quality: 0, format: 'bmp' },
  }),
  json('an unknown method', `${IMAGE}/segmentation`, { method: 'magic' }),
  json('an object that is missing', `${IMAGE}/segmentation`, { method: 'grabcut' }),
  json('faults in a nested box', `${IMAGE}/segmentation`, {
    method: 'grabcut',
    box: { x: -1, y: 0, width: 0 },
  }),
  json('nothing to change', IMAGE, {}, 'PATCH'),
  json('text that is empty', IMAGE, { filename: '' }, 'PATCH'),
  json('a number for text', IMAGE, { filename: 5, name: 'a' }, 'PATCH'),
  files('a file in a wrong field', '/images', 'pictures'),
  files('faults in several rows of a CSV file', '/upload', 'file', 'depth,col1\n1,x\n2,300\n3,\ny,4\n'),
  files('a wrong field and a wrong query', '/upload?width=0&on_error=ignore', 'csv'),
];
