import t from 'tap';
import { createFramesApp, writeLog } from '../app.ts';

t.test('what is wrong with a query, in the wording of the service', async (t) => {
  const { uploadLog, get } = await createFramesApp(t, { MAX_OUTPUT_PIXELS: '1000' });
  await uploadLog(
    writeLog(500, 4, undefined, (row) => -row),
    '?width=4',
  );
  const faults: [url: string, path: string, message: string][] = [
    [
      '/frames?depth_min=2&depth_max=1',
      '/depth_min',
      'Expected a number of at most depth_max (1) for depth_min but received 2',
    ],
    [
      '/frames?normalization=dynamic&order=file',
      '/normalization',
      'Expected none or static (dynamic needs order=depth, because the depths of this log do not increase in file order) for normalization but received "dynamic"',
    ],
    [
      '/frames/picture?scale=depth&order=file&height=2',
      '/scale',
      'Expected rows (scale=depth needs order=depth) for scale but received "depth"',
    ],
    [
      '/frames/picture?scale=depth',
      '/height',
      'Expected an integer, because scale=depth needs one, for height but received nothing',
    ],
    [
      '/frames/picture?height=251',
      '/height',
      'Expected an integer that makes a picture of at most 1000 pixels in all for height but received 251, which makes 4×251 pixels',
    ],
    [
      '/frames?colormap=0:%23000',
      '/colormap',
      'Expected an array of 2 to 256 stops for colormap but received an array of 1 item',
    ],
    [
      '/frames?colormap=9:%23000,9:%23fff',
      '/colormap',
      'Expected an integer above 9 as the next position for colormap but received 9',
    ],
    [
      '/frames?colormap=0:%23000,256:%23fff',
      '/colormap',
      'Expected an integer from 0 to 255 as a position for colormap but received 256',
    ],
    [
      '/frames?colormap=0:reddish,255:%23fff',
      '/colormap',
      'Expected colours such as red, #336699 or 369 without transparency for colormap but received "reddish"',
    ],
    ['/frames?colormap=%5B', '/colormap', 'Expected a JSON array of stops for colormap but received "["'],
  ];
  for (const [url, path, message] of faults) {
    const response = await get(url);
    t.equal(response.statusCode, 422, url);
    t.strictSame(response.json().errors, [{ location: 'query', path, message }], url);
  }
  await uploadLog(writeLog(5, 6), '?width=3');
  const both = (await get('/frame-sets'))
    .json()
    .items.map(({ id }: { id: string }) => `frame_set_id=${id}`)
    .join('&');
  const [fault] = (await get(`/frames/export?${both}`)).json().errors;
  t.equal(
    fault.message,
    'Expected a width or a frame_set_id, because the selected rows are 3, 4 pixels wide, for width but received nothing',
  );
});

t.test('what is wrong with an upload, in the wording of the service', async (t) => {
  const { uploadLog } = await createFramesApp(t);
  const marks: [query: string, message: string][] = [
    [
      Array.from({ length: 17 }, (_, index) => `m${index}`).join(','),
      'Expected at most 16 values for null_values but received 17',
    ],
    ['x'.repeat(33), `Expected values of at most 32 bytes for null_values but received "${'x'.repeat(33)}"`],
  ];
  for (const [values, message] of marks) {
    const response = await uploadLog(writeLog(1, 1), `?null_values=${values}`);
    t.strictSame(response.json().errors, [{ location: 'query', path: '/null_values', message }]);
  }
  const cells: [row: string, column: string | null, value: string | null, problem: string][] = [
    ['1,abc,3', 'col1', 'abc', 'Expected an integer from 0 to 255 for col1 but received "abc"'],
    ['1,2,12.5', 'col2', '12.5', 'Expected an integer from 0 to 255 for col2 but received "12.5"'],
    ['1,2,256', 'col2', '256', 'Expected an integer from 0 to 255 for col2 but received "256"'],
    ['top,2,3', 'depth', 'top', 'Expected a decimal number for depth but received "top"'],
    [',2,3', 'depth', '', 'Expected a number (a depth cannot be missing) for depth but received ""'],
    [
      '1e101,2,3',
      'depth',
      '1e101',
      'Expected a number from -1e+100 to 1e+100 for depth but received "1e101"',
    ],
    [
      '-999.25,2,3',
      'depth',
      '-999.25',
      'Expected a number that is not a null value for depth but received "-999.25"',
    ],
    ['1,2', null, null, 'Expected 3 cells, as in the header, but received 2'],
    ['1,"2"x,3', 'col1', '2x', 'malformed or unclosed quotes in col1'],
    ['1,2,3,"4"x', null, null, 'malformed or unclosed quotes in cell 4'],
  ];
  for (const [row, column, value, problem] of cells) {
    const response = await uploadLog(`depth,col1,col2\n0,1,2\n${row}\n`);
    t.equal(response.statusCode, 422, row);
    const message = `Row 2 (line 3): ${problem}`;
    t.match(response.json().errors, [{ path: '/file', row: 2, line: 3, column, value, message }], row);
  }
});
