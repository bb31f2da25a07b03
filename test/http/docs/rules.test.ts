import t from 'tap';
import { createTestApp } from '../../support/app.ts';
import { brokenRules, RULE_NAMES } from './rules.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents are broken on purpose
type Loose = any;

let text: string;

t.before(async () => {
  text = (await (await createTestApp(t)).send('GET', '/openapi.json')).body;
});

t.test('the document keeps every rule that client generators need', async (t) => {
  t.strictSame(brokenRules(JSON.parse(text)), {});
});

/** For each rule, changes of the document that break it and no other one. */
const BREAKS: Record<string, ((document: Loose) => void)[]> = {
  'a choice has no control characters': [
    ({ components }) => components.schemas.FrameSetQuality.properties.delimiter.enum.push('\t'),
    ({ paths }) => {
      paths['/frames'].get.parameters[0].schema = { type: 'string', enum: ['a\nb'] };
    },
  ],
  'an integer has a format': [
    ({ components }) => delete components.schemas.Image.properties.size.format,
    ({ components }) => delete components.schemas.Image.properties.delays.items.format,
    ({ components }) => delete components.responses.Problem503.headers['retry-after'].schema.format,
  ],
  'a number that is not an integer is a double': [
    ({ components }) => delete components.schemas.Frame.properties.depth.format,
    ({ components }) => delete components.schemas.ChannelHistogram.properties.mean.format,
  ],
  'an integer of 32 bits has its bounds in 32 bits': [
    ({ components }) => {
      components.schemas.ResizeRequest.properties.width.maximum = Number.MAX_SAFE_INTEGER;
    },
  ],
  'a list of files has no minimum': [
    ({ paths }) => {
      paths['/images'].post.requestBody.content['multipart/form-data'].schema.properties.files.minItems = 1;
    },
  ],
  'a union does not mix an object and an array': [
    ({ components }) => {
      components.schemas.Mixed = {
        anyOf: [
          { $ref: '#/components/schemas/CocoRle' },
          { title: 'Polygons', type: 'array', items: { type: 'number', format: 'double' } },
        ],
      };
      components.schemas.CocoRle.title = 'CocoRle';
    },
  ],
  'a discriminator maps every branch, and each branch has one value': [
    ({ components }) => delete components.schemas.Operation.discriminator.mapping.rotate,
    ({ components }) => {
      components.schemas.RotateOperation.properties.op = { type: 'string' };
    },
  ],
  'a branch of a union has a title': [
    ({ components }) => delete components.schemas.RotateOperation.title,
    ({ components }) => delete components.schemas.Image.properties.exif.additionalProperties.anyOf[0].title,
  ],
  'bytes are binary text under concrete media types, and JSON is not among them': [
    ({ paths }) => {
      paths['/images/{id}/content'].get.responses[200].content = {
        'image/*': { schema: { type: 'string', format: 'binary' } },
      };
    },
    ({ paths }) => {
      paths['/images/{id}/resize'].get.responses[200].content['application/json'] = {
        schema: { type: 'object' },
      };
    },
    ({ paths }) => {
      paths['/images/{id}/content'].get.responses[200].content['image/png'].schema = { type: 'string' };
    },
  ],
  'a problem is a shared response': [
    ({ paths, components }) => {
      paths['/images'].get.responses[400] = components.responses.Problem400;
    },
    ({ paths }) => {
      paths['/images'].get.responses[400] = { description: 'No type.' };
    },
  ],
  'a list has next_cursor in its body and a Link header': [
    ({ components }) => {
      components.schemas.ImagePage.required = ['items'];
    },
    ({ paths }) => delete paths['/frame-sets'].get.responses[200].headers.link,
  ],
  'an operation documents what its security is, and the refusals that follow': [
    ({ paths }) => delete paths['/images'].get.security,
    ({ paths }) => delete paths['/images'].get.responses[401],
    ({ paths }) => delete paths['/users/me'].get.responses[403],
  ],
  'scopes are those of the security scheme': [
    ({ paths }) => {
      paths['/images'].get.security = [{ access_token: ['images:look'] }];
    },
    ({ paths }) => paths['/images'].get.security.push({ basic: [] }),
  ],
  'names are not reserved words': [
    ({ paths }) => {
      paths['/frames'].get.parameters[0].name = 'range';
    },
    ({ components }) => {
      components.schemas.Point.properties.lambda = { type: 'number', format: 'double' };
    },
  ],
  'no schema is called like the function that Go has for another one': [
    ({ components }) => {
      components.schemas.NewUser = components.schemas.CreateUserRequest;
    },
  ],
  'no schema is empty': [
    ({ components }) => {
      components.schemas.Image.properties.anything = {};
    },
    ({ paths }) => {
      paths['/frames'].get.responses[200].content['application/json'].schema.items = {};
    },
  ],
};

t.test('each rule is seen to be broken by a document that breaks it', async (t) => {
  t.strictSame(Object.keys(BREAKS), RULE_NAMES, 'every rule is tried');
  for (const [rule, changes] of Object.entries(BREAKS)) {
    for (const [index, change] of changes.entries()) {
      const document = JSON.parse(text);
      change(document);
      t.strictSame(Object.keys(brokenRules(document)), [rule], `${rule}, ${index + 1}`);
    }
  }
});
