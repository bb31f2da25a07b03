import sharp from 'sharp';
import t from 'tap';
import { createTestApp, type TestApp } from '../../support/app.ts';

let served: TestApp;
let image: string;
let artifact: string;

t.before(async () => {
  served = await createTestApp(t);
  const bytes = await sharp({ create: { width: 40, height: 30, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const { id } = (await served.upload({ bytes })).json().results[0].image;
  image = `/images/${id}`;
  const made = (await served.send('POST', `${image}/resize`, { width: 10 })).json();
  artifact = `/artifacts/${made.id}`;
});

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';

t.test('a path that people try names the right request', async (t) => {
  const cases: [method: Method, path: string, suggestion: string][] = [
    ['GET', '/redoc', 'GET /docs'],
    ['GET', '/swagger', 'GET /docs'],
    ['GET', '/swagger-ui.html', 'GET /docs'],
    ['GET', '/swagger/index.html', 'GET /docs'],
    ['GET', '/api', 'GET /docs'],
    ['GET', '/openapi.yaml', 'GET /openapi.json'],
    ['GET', '/openapi', 'GET /openapi.json'],
    ['GET', '/swagger.json', 'GET /openapi.json'],
    ['GET', '/v3/api-docs', 'GET /openapi.json'],
    ['GET', '/api/v1/openapi.json', 'GET /openapi.json'],
    ['GET', '/health', 'GET /health/live'],
    ['GET', '/healthz', 'GET /health/live'],
    ['GET', '/ping', 'GET /health/live'],
    ['GET', '/readyz', 'GET /health/ready'],
    ['GET', '/actuator/prometheus', 'GET /metrics'],
    ['GET', '/metric', 'GET /metrics'],
    ['GET', '/images/', 'GET /images'],
    ['GET', '//images', 'GET /images'],
    ['GET', '/image', 'GET /images'],
    ['POST', '/image', 'POST /images'],
    ['GET', '/Images', 'GET /images'],
    ['POST', '/api/images', 'POST /images'],
    ['POST', '/v1/images/', 'POST /images'],
    ['POST', '/images/upload', 'POST /images'],
    ['GET', '/images/upload', 'POST /images'],
    ['POST', '/upload/image', 'POST /images'],
    ['POST', '/upload/', 'POST /upload'],
    ['POST', '/files', 'GET /images'],
    ['GET', 'IMAGE/', 'GET IMAGE'],
    ['GET', '/image/ID', 'GET IMAGE'],
    ['GET', '/api/v1IMAGE', 'GET IMAGE'],
    ['GET', 'IMAGE/download', 'GET IMAGE/content'],
    ['GET', 'IMAGE/file', 'GET IMAGE/content'],
    ['GET', 'IMAGE/raw', 'GET IMAGE/content'],
    ['GET', 'IMAGE/contents', 'GET IMAGE/content'],
    ['GET', 'ARTIFACT/download', 'GET ARTIFACT/content'],
    ['GET', '/api/v1IMAGE/download/', 'GET IMAGE/content'],
    ['GET', 'IMAGE/info', 'GET IMAGE'],
    ['GET', 'IMAGE/exif', 'GET IMAGE'],
    ['GET', 'IMAGE/thumbnail', 'GET IMAGE/resize?width=256'],
    ['GET', 'IMAGE/resize/100x100', 'GET IMAGE/resize?width=256'],
    ['GET', 'IMAGE/thumbnail/200', 'GET IMAGE/resize?width=256'],
    ['GET', 'IMAGE/preview', 'GET IMAGE/resize?width=256'],
    ['GET', '/thumbnail', 'GET /images/{id}/resize?width=256'],
    ['GET', '/unsafe/300x200/smart/photo.jpg', 'GET /images/{id}/resize?width=256'],
    ['GET', '/iiif/3/photo/full/max/0/default.jpg', 'GET /images/{id}/resize?width=256'],
    ['POST', 'IMAGE/resize/', 'POST IMAGE/resize'],
    ['POST', 'IMAGE/resze', 'POST IMAGE/resize'],
    ['GET', 'IMAGE/scale', 'GET IMAGE/resize?width=256'],
    ['POST', 'IMAGE/rotate', 'POST IMAGE/transform with {"operations":[{"op":"rotate","angle":90}]}'],
    ['GET', 'IMAGE/rotate', 'POST IMAGE/transform with {"operations":[{"op":"rotate","angle":90}]}'],
    ['GET', 'IMAGE/rotation', 'POST IMAGE/transform with {"operations":[{"op":"rotate","angle":90}]}'],
    ['POST', 'ARTIFACT/blur', 'POST ARTIFACT/transform with {"operations":[{"op":"blur","sigma":4}]}'],
    ['POST', 'IMAGE/grayscale', 'POST IMAGE/transform with {"operations":[{"op":"grayscale"}]}'],
    ['POST', 'IMAGE/greyscale', 'POST IMAGE/transform with {"operations":[{"op":"grayscale"}]}'],
    ['POST', 'IMAGE/watermark', 'POST IMAGE/transform with {"operations":[{"op":"composite",'],
    ['POST', 'IMAGE/mirror', 'POST IMAGE/transform with {"operations":[{"op":"flop"}]}'],
    ['POST', 'IMAGE/pipeline', 'POST IMAGE/transform'],
    ['DELETE', 'IMAGE/delete', 'DELETE IMAGE'],
    ['GET', 'IMAGE/histograms', 'GET IMAGE/histogram'],
    ['GET', 'IMAGE/histogram.png', 'GET IMAGE/histogram/plot'],
    ['GET', 'IMAGE/segment', 'GET IMAGE/segmentation'],
    ['GET', 'IMAGE/segmentaton', 'GET IMAGE/segmentation'],
    ['GET', 'IMAGE/mask', 'GET IMAGE/segmentation/label-map'],
    ['GET', 'IMAGE/overlay', 'GET IMAGE/segmentation/overlay'],
    ['GET', 'IMAGE/segmentation/geo-json', 'GET IMAGE/segmentation/geojson'],
    ['GET', '/frame', 'GET /frames'],
    ['GET', '/frames/', 'GET /frames'],
    ['GET', '/frames/csv', 'GET /frames/export?format=csv'],
    ['GET', '/frames/png', 'GET /frames/picture'],
    ['GET', '/frames/exprt', 'GET /frames/export'],
    ['GET', '/frames/closest', 'GET /frames/nearest?depth=9000'],
    ['GET', '/frame-sets/ID/csv', 'GET /frames/export?frame_set_id=ID'],
    ['GET', '/frame-sets/ID/download', 'GET /frame-sets/ID/content'],
    ['GET', '/framesets', 'GET /frame-sets'],
    ['GET', '/frame_sets', 'GET /frame-sets'],
    ['GET', '/logs', 'GET /frame-sets'],

    ['GET', '/frame-sets/ID/picture', 'GET /frames/picture?frame_set_id=ID'],
    ['POST', '/frames', 'POST /upload'],
    ['POST', '/upload-csv', 'POST /upload'],
    ['GET', '/colormap', 'GET /colormaps'],
    ['GET', '/color-maps', 'GET /colormaps'],
    ['GET', '/problem', 'GET /problems'],
    ['POST', '/frames/upload', 'POST /upload'],
    ['HEAD', '/frames/export/', 'HEAD /frames/export'],

    ['POST', '/login', 'POST /auth/token'],
    ['GET', '/login', 'POST /auth/token'],
    ['POST', '/auth/login', 'POST /auth/token'],
    ['POST', '/api/v1/auth/sign-in', 'POST /auth/token'],
    ['POST', '/token', 'POST /auth/token'],
    ['POST', '/oauth/token', 'POST /auth/token'],
    ['POST', '/oauth2/token', 'POST /auth/token'],
    ['POST', '/auth/refresh', 'POST /auth/token'],
    ['POST', '/sessions', 'POST /auth/token'],
    ['GET', '/sessions', 'GET /auth/sessions'],
    ['POST', '/register', 'POST /auth/sign-up'],
    ['POST', '/signup', 'POST /auth/sign-up'],
    ['POST', '/auth/register', 'POST /auth/sign-up'],
    ['POST', '/users/register', 'POST /auth/sign-up'],
    ['POST', '/logout', 'POST /auth/log-out'],
    ['POST', '/auth/logout', 'POST /auth/log-out'],
    ['POST', '/users/logout', 'POST /auth/log-out'],
    ['POST', '/setup', 'POST /auth/setup'],
    ['GET', '/me', 'GET /users/me'],
    ['GET', '/whoami', 'GET /users/me'],
    ['GET', '/auth/me', 'GET /users/me'],
    ['GET', '/userinfo', 'GET /users/me'],
    ['PATCH', '/me', 'PATCH /users/me'],
    ['POST', '/password', 'POST /users/me/password'],
    ['POST', '/users/me/change-password', 'POST /users/me/password'],
    ['GET', '/user', 'GET /users'],
    ['GET', '/accounts', 'GET /users'],
    ['POST', '/keys', 'POST /api-keys'],
    ['GET', '/keys', 'GET /api-keys'],
    ['GET', '/apikeys', 'GET /api-keys'],
    ['GET', '/api_keys', 'GET /api-keys'],
    ['DELETE', '/keys/ID', 'DELETE /api-keys/ID'],
    ['GET', '/users/me/api-keys', 'GET /api-keys'],
    ['GET', '/audit', 'GET /audit-events'],

    ['POST', '/job', 'POST /jobs'],
    ['POST', '/tasks', 'POST /jobs'],
    ['POST', '/batch', 'POST /jobs'],
    ['GET', '/tasks', 'GET /jobs'],
    ['GET', '/tasks/ID', 'GET /jobs/ID'],
    ['GET', '/job/ID', 'GET /jobs/ID'],
    ['GET', '/jobs/ID/status', 'GET /jobs/ID'],
    ['GET', '/jobs/ID/progress', 'GET /jobs/ID'],
    ['POST', '/jobs/ID/abort', 'POST /jobs/ID/cancel'],
    ['POST', '/jobs/ID/stop', 'POST /jobs/ID/cancel'],
    ['POST', '/jobs/ID/restart', 'POST /jobs/ID/retry'],
    ['POST', '/jobs/estimate', 'POST /jobs/dry-run'],
    ['POST', '/jobs/dryrun', 'POST /jobs/dry-run'],
    ['GET', '/audit-log', 'GET /audit-events'],
  ];
  const id = image.split('/')[2] ?? '';
  const fill = (text: string) =>
    text.replaceAll('IMAGE', image).replaceAll('ARTIFACT', artifact).replaceAll('ID', id);
  for (const [method, path, suggestion] of cases) {
    const response = await served.send(method, fill(path));
    const { statusCode, body } = response;
    t.ok([404, 405, 422].includes(statusCode), `${method} ${path}: ${statusCode}`);
    if (method === 'HEAD') continue;
    const { detail, errors = [{ message: detail }] } = response.json();
    const ending = suggestion.endsWith(',') ? '' : '?';
    t.ok(detail.includes(`id you mean ${fill(suggestion)}${ending}`), `${method} ${path}: ${body}`);
    t.ok(errors[0].message.includes(fill(suggestion)), 'also in the fault');
  }
});

t.test('a suggested request works', async (t) => {
  for (const path of ['download', 'thumbnail', 'overlay', 'mask', 'histogram.png']) {
    const { detail } = (await served.send('GET', `${image}/${path}`)).json();
    const [, suggestion = ''] = /mean GET (\S+)\?/.exec(detail) ?? [];
    t.equal((await served.send('GET', suggestion)).statusCode, 200, suggestion);
  }
  const { detail } = (await served.send('POST', `${image}/rotate`)).json();
  const [, url = '', body = ''] = /mean POST (\S+) with (.*)\? GET/.exec(detail) ?? [];
  t.equal((await served.send('POST', url, JSON.parse(body))).statusCode, 201);
});

t.test('nothing is suggested for a path that is like no other, or that is right', async (t) => {
  for (const [method, path, status] of [
    ['GET', '/wp-login.php', 404],
    ['GET', '/favicon.ico', 404],
    ['GET', '/jobs//items', 422],
    ['GET', '/api/artifacts//content', 404],
    ['GET', '/images//artifacts', 422],
    ['GET', `/${'images/'.repeat(60)}`, 404],
    ['PUT', image, 405],
    ['POST', `${image}/content`, 405],
    ['GET', '/images/5', 422],
    ['GET', '/frames/0', 422],
  ] as const) {
    const response = await served.send(method, path);
    t.equal(response.statusCode, status, path);
    t.notMatch(response.json().detail, /did you mean/i, `${method} ${path}`);
  }
  t.equal((await served.send('PUT', image)).headers.allow, 'GET, HEAD, PATCH, DELETE');
});

/** The routes on which parameters are guessed. */
const QUERIES = {
  resize: 'IMAGE/resize?width=20',
  crop: 'IMAGE/crop?left=0',
  convert: 'IMAGE/convert?format=webp',
  histogram: 'IMAGE/histogram?page=0',
  plot: 'IMAGE/histogram/plot?page=0',
  segmentation: 'IMAGE/segmentation?page=0',
  overlay: 'IMAGE/segmentation/overlay?page=0',
  images: '/images?limit=5',
  artifacts: '/artifacts?limit=5',
  frameSets: '/frame-sets?limit=5',
  frames: '/frames?order=depth',
  picture: '/frames/picture?order=depth',
  nearest: '/frames/nearest?depth=1',
  export: '/frames/export?order=depth',
  content: 'IMAGE/content?download=true',
} as const;

t.test('a parameter that people try names the right one of the route', async (t) => {
  const cases: [route: keyof typeof QUERIES, parameters: string, meant: string][] = [
    ['crop', 'x x0 X', 'left'],
    ['crop', 'y ymin', 'top'],
    ['crop', 'w right', 'width'],
    ['crop', 'h bottom', 'height'],
    ['crop', 'ratio aspect aspectRatio aspect-ratio', 'aspect_ratio'],
    ['crop', 'gravity anchor', 'position'],
    ['resize', 'w widht Width max_width', 'width'],
    ['resize', 'percent scale dpr', 'width, in pixels'],
    ['resize', 'h hight heigth', 'height'],
    ['resize', 'mode resizing_type', 'fit'],
    ['resize', 'gravity focus', 'position'],
    ['resize', 'filter resample interpolation', 'kernel'],
    ['resize', 'bg bgcolor back_ground backgroundColor', 'background'],
    ['resize', 'q qualty', 'quality'],
    ['resize', 'fmt type ext', 'format'],
    ['resize', 'enlarge upscale', 'without_enlargement, its opposite'],
    ['resize', 'autorotate', 'auto_orient'],
    ['resize', 'frame', 'page'],
    ['convert', 'q jpeg_quality', 'quality'],
    ['convert', 'strip', 'keep_metadata, its opposite'],
    ['convert', 'exif keepMetadata', 'keep_metadata'],
    ['convert', 'interlace', 'progressive'],
    ['convert', 'subsampling', 'chroma_subsampling'],
    ['convert', 'bg background', 'matte'],
    ['convert', 'speed', 'effort'],
    ['histogram', 'nbins bin n_bins', 'bins'],
    ['histogram', 'range', 'level_range'],
    ['histogram', 'channel', 'channels'],
    ['histogram', 'density', 'normalize'],
    ['histogram', 'percentile q', 'percentiles'],
    ['histogram', 'roi bbox box crop', 'region'],
    ['plot', 'w', 'width'],
    ['segmentation', 'algorithm', 'method'],
    ['segmentation', 'k n_clusters', 'clusters'],
    ['segmentation', 'thresh threshold', 'value'],
    ['segmentation', 'bbox rect region', 'box'],
    ['crop', 'box bbox rect xywh', 'left, top, width and height'],
    ['segmentation', 'minArea min_size', 'min_area'],
    ['overlay', 'alpha', 'opacity'],
    ['images', 'page offset skip page_token after_cursor', 'cursor'],
    ['images', 'per_page page_size count', 'limit'],
    ['images', 'search q filename', 'name_contains'],
    ['images', 'since', 'uploaded_after'],
    ['images', 'order_by sort_by order', 'sort'],
    ['artifacts', 'type', 'kind'],
    ['artifacts', 'page offset', 'cursor'],
    ['artifacts', 'since', 'created_after'],
    ['frameSets', 'page offset skip', 'cursor'],
    ['frameSets', 'per_page page_size', 'limit'],
    ['frameSets', 'search name_contains', 'name'],
    ['frames', 'depth', 'depth_min'],
    ['nearest', 'at z', 'depth'],
    ['frames', 'depth_from start from top min_depth', 'depth_min'],
    ['frames', 'depth_to stop end to bottom max_depth', 'depth_max'],
    ['frames', 'well well_id log frameset', 'frame_set_id'],
    ['frames', 'cmap palette colourmap', 'colormap'],
    ['frames', 'norm normalize normalisation', 'normalization'],
    ['frames', 'offset page skip', 'cursor'],
    ['picture', 'h', 'height'],
    ['picture', 'cmap', 'colormap'],
    ['export', 'fmt type', 'format'],
    ['content', 'attachment', 'download'],
  ];
  for (const [route, parameters, meant] of cases) {
    for (const name of parameters.split(' ').filter((name) => name !== 'after_cursor')) {
      const url = `${QUERIES[route].replace('IMAGE', image)}&${name}=1`;
      const response = await served.send('GET', url);
      t.equal(response.statusCode, 422, url);
      t.strictSame(
        response.json().errors,
        [
          {
            location: 'query',
            path: `/${name}`,
            message: `Expected a known parameter but received "${name}" (did you mean ${meant}?)`,
          },
        ],
        url,
      );
    }
  }
});

t.test('a parameter is not suggested on a route that lacks it', async (t) => {
  for (const [route, names] of [
    ['resize', 'x y'],
    ['images', 'x w bg'],
    ['frames', 'x q blur_radius'],
    ['content', 'page limit'],
  ] as const) {
    for (const name of names.split(' ')) {
      const response = await served.send('GET', `${QUERIES[route].replace('IMAGE', image)}&${name}=1`);
      t.equal(response.statusCode, 422);
      t.notMatch(response.json().detail, /did you mean/, `${route} ${name}`);
    }
  }
});

t.test('what a step of a pipeline is called elsewhere names what it is called here', async (t) => {
  const cases: [step: object, fault: RegExp][] = [
    [{ op: 'rotate', degrees: 90 }, /"degrees" \(did you mean angle\?\)/],
    [{ op: 'rotate', rotation: 90 }, /"rotation" \(did you mean angle\?\)/],
    [{ op: 'blur', blur_radius: 3 }, /"blur_radius" \(did you mean sigma\?\)/],
    [{ op: 'blur', radius: 3 }, /"radius" \(did you mean sigma\?\)/],
    [{ op: 'median', ksize: 3 }, /"ksize" \(did you mean size\?\)/],
    [{ op: 'clahe', clip_limit: 3 }, /"clip_limit" \(did you mean max_slope\?\)/],
    [{ op: 'crop', x: 0, top: 0, width: 9, height: 9 }, /"x" \(did you mean left\?\)/],
    [{ op: 'trim', fuzz: 3 }, /"fuzz" \(did you mean threshold\?\)/],
    [{ op: 'threshold', value: 3 }, /"value" \(did you mean threshold\?\)/],
    [{ op: 'flatten', bg: 'red' }, /"bg" \(did you mean background\?\)/],
    [{ op: 'tint', colour: 'red' }, /"colour" \(did you mean color\?\)/],
    [{ op: 'extend', padding: 3 }, /"padding" \(did you mean top\?\)/],
    [{ op: 'thumbnail', width: 9 }, /"thumbnail" \(did you mean resize\?\)/],
    [{ op: 'rotation' }, /"rotation" \(did you mean rotate\?\)/],
    [{ op: 'rotat' }, /"rotat" \(did you mean rotate\?\)/],
    [{ op: 'bw' }, /"bw" \(did you mean grayscale\?\)/],
    [{ op: 'watermark' }, /"watermark" \(did you mean composite\?\)/],
    [{ op: 'resize', width: 9, kernel: 'bilinear' }, /"bilinear" \(did you mean linear\?\)/],
    [{ op: 'resize', width: 9, fit: 'stretch' }, /"stretch" \(did you mean fill\?\)/],
    [{ op: 'resize', width: 9, position: 'smart' }, /"smart" \(did you mean attention\?\)/],
    [{ op: 'resize', width: 9, position: 'top' }, /"top" \(did you mean north\?\)/],
  ];
  for (const [step, fault] of cases) {
    const response = await served.send('POST', `${image}/transform`, { operations: [step] });
    t.equal(response.statusCode, 422, JSON.stringify(step));
    t.match(response.json().detail, fault, JSON.stringify(step));
  }
});

t.test('a fault names a parameter as the client sent it', async (t) => {
  const cases: [query: string, path: string, message: string][] = [
    [
      'histogram?region=0,0,0,5',
      '/region',
      'Expected an integer from 1 to 1000000 for width of region but received 0',
    ],
    [
      'histogram?region=30,0,20,5',
      '/region',
      'Expected a box inside the 40×30 picture for width of region but received width 20 at left 30',
    ],
    [
      'histogram?region=1,2',
      '/region',
      'Expected text of at most 100 characters like "100,50,320,240" for region but received "1,2"',
    ],
    [
      'segmentation?method=grabcut&box=0,0,0,5',
      '/box',
      'Expected an integer from 1 to 1000000 for width of box but received 0',
    ],
    [
      'segmentation?method=grabcut&box=0,0,10,10&foreground=1,1;99,1',
      '/foreground',
      'Expected a pixel of the 40×30 picture for foreground[1] but received (99, 1)',
    ],
    [
      'segmentation?method=watershed&markers=levels:9,3',
      '/markers',
      'Expected a level below high (3) for low of markers but received 9',
    ],
    [
      'segmentation?method=watershed&markers=9,3',
      '/markers',
      'Expected text like "levels:30,150" for markers but received "9,3"',
    ],
    ['resize?width=20&page=7', '/page', 'Expected page 0, the only one, for page but received 7'],
    [
      'resize?width=20&format=png&quality=7',
      '/quality',
      'Expected nothing, because PNG without palette=true is lossless, for quality but received 7',
    ],
  ];
  for (const [query, path, message] of cases) {
    const problem = (await served.send('GET', `${image}/${query}`)).json();
    t.strictSame(problem.errors, [{ location: 'query', path, message }], query);
    t.equal(problem.detail, message, query);
  }
});

t.test('every spelling of a value makes the same artifact', async (t) => {
  const groups: string[][] = [
    ['resize?width=9&format=jpeg', 'resize?width=9&format=jpg', 'resize?width=9&format=JPEG&fit=Cover'],
    ['resize?width=9&format=tiff', 'resize?width=9&format=TIF'],
    [
      'convert?format=webp&lossless=true',
      'convert?format=WEBP&lossless=True',
      'convert?format=webp&lossless=1',
      'convert?format=webp&lossless=yes',
      'convert?format=webp&lossless=on',
    ],
    [
      'resize?width=9&height=9&fit=contain&background=%23ff0000',
      'resize?width=9&height=9&fit=contain&background=red',
      'resize?width=9&height=9&fit=contain&background=RED',
      'resize?width=9&height=9&fit=contain&background=f00',
      'resize?width=9&height=9&fit=contain&background=rgb(255,0,0)',
    ],
    ['convert?format=jpeg&matte=000', 'convert?format=jpeg&matte=black'],
    [
      'segmentation?method=color&color=%23ff0000',
      'segmentation?method=Color&color=red',
      'segmentation?method=color&color=FF0000',
    ],
    ['segmentation?method=multi_otsu', 'segmentation?method=Multi-Otsu'],
    ['histogram?channels=red&cumulative=true', 'histogram?channels=RED&cumulative=1'],
  ];
  for (const group of groups) {
    const made = new Set<unknown>();
    for (const query of group) {
      const response = await served.send('GET', `${image}/${query}`);
      t.equal(response.statusCode, 200, `${query}: ${response.statusCode === 200 ? '' : response.body}`);
      made.add(response.headers['content-location']);
    }
    t.equal(made.size, 1, String(group[0]));
  }
  const bodies = [
    { operations: [{ op: 'tint', color: 'rgb(0, 128, 0)' }], output: { format: 'JPG' } },
    { operations: [{ op: 'Tint', color: 'green' }], output: { format: 'jpeg' } },
    {
      operations: [
        { op: 'tint', color: '#008000' },
        { op: 'convert', format: 'Jpeg' },
      ],
    },
  ];
  const ids = [];
  for (const body of bodies) ids.push((await served.send('POST', `${image}/transform`, body)).json().id);
  t.equal(new Set(ids).size, 1);
  t.type(ids[0], 'string');
});

t.test('a list takes formats in any spelling', async (t) => {
  for (const format of ['png', 'PNG', 'Png']) {
    t.equal((await served.send('GET', `/images?format=${format}`)).json().items.length, 1, format);
  }
  t.equal((await served.send('GET', '/images?format=jpg')).json().items.length, 0);
});

t.test('every text that a client sends has an example or a format that messages can show', async (t) => {
  const document = JSON.parse((await served.send('GET', '/openapi.json')).body);
  const schemas = document.components.schemas as Record<string, object>;
  const seen = new Set<string>();
  const check = (schema: unknown, place: string): void => {
    if (typeof schema !== 'object' || schema === null) return;
    if ('$ref' in schema && typeof schema.$ref === 'string') {
      if (!seen.has(schema.$ref)) check(schemas[schema.$ref.split('/').at(-1) ?? ''], schema.$ref);
      seen.add(schema.$ref);
    }
    if ('pattern' in schema && typeof schema.pattern === 'string')
      t.ok('examples' in schema, `${place}: ${schema.pattern}`);
    if ('format' in schema && typeof schema.format === 'string' && schema.format !== 'binary') {
      t.match(
        schema.format,
        /^(uuid|uri|email|password|date-time|color|opaque-color|int32|int64|double)$/,
        place,
      );
    }
    for (const [name, member] of Object.entries(schema)) {
      if (name !== 'examples') check(member, `${place}/${name}`);
    }
  };
  for (const [path, operations] of Object.entries<Record<string, object>>(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const { parameters = [], requestBody = {} } = operation as {
        parameters?: object[];
        requestBody?: object;
      };
      check(parameters, `${method} ${path}`);
      check(requestBody, `${method} ${path}`);
    }
  }
  t.ok(seen.size > 20, `${seen.size} schemas`);
});

t.test('a field of an upload is guessed like a parameter', async (t) => {
  const part = (name: string, value: string) =>
    `--limit\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const send = (url: string, name: string) =>
    served.app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'multipart/form-data; boundary=limit' },
      payload: `${part(name, '1')}--limit--\r\n`,
    });
  for (const [field, meant] of [
    ['sep', 'delimiter'],
    ['delimeter', 'delimiter'],
    ['na_values', 'null_values'],
    ['csv', 'file'],
  ] as const) {
    const { errors } = (await send('/upload', field)).json();
    t.match(errors[0].message, `but received "${field}" (did you mean ${meant}?)`);
  }
  const { errors } = (await send('/images', 'image')).json();
  t.match(errors[0].message, 'Expected files as the only field but received "image"');
});
