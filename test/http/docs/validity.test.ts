import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import Draft04 from 'ajv-draft-04';
import t from 'tap';
import { createTestApp } from '../../support/app.ts';
import { needsPython, PYTHON } from '../../support/python.ts';

const run = promisify(execFile);
const PROJECT = path.resolve(import.meta.dirname, '../../..');

type Json = Record<string, unknown>;

const DOCUMENTS = { '3.1.0': '/openapi.json', '3.0.3': '/openapi-3.0.json' } as const;
const texts: Record<string, string> = {};

t.before(async () => {
  const { send } = await createTestApp(t);
  for (const [version, url] of Object.entries(DOCUMENTS)) texts[version] = (await send('GET', url)).body;
});

for (const [version, url] of Object.entries(DOCUMENTS)) {
  t.test(`${url} is OpenAPI ${version} to a strict validator`, async (t) => {
    const document = JSON.parse(texts[version] ?? '');
    t.equal(document.openapi, version);
    const { valid, errors } = await new Validator().validate(document);
    t.ok(valid, JSON.stringify(errors));
  });

  t.test(
    `${url} is valid to openapi-spec-validator`,
    { skip: needsPython('openapi_spec_validator') },
    async (t) => {
      const file = path.join(t.testdir(), 'openapi.json');
      await writeFile(file, texts[version] ?? '');
      const { stdout } = await run(PYTHON, ['-m', 'openapi_spec_validator', file]);
      t.match(stdout, /OK/);
    },
  );

  t.test(`${url} has nothing that the linter objects to`, async (t) => {
    const file = path.join(t.testdir(), 'openapi.json');
    await writeFile(file, texts[version] ?? '');
    const linter = path.join(PROJECT, 'node_modules/@redocly/cli/bin/cli.js');
    const { stdout } = await run(process.execPath, [linter, 'lint', '--format=json', file], {
      cwd: PROJECT,
      env: { ...process.env, REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      // It ends with an error if it has objections, and its report is wanted all the same.
    }).catch((error: { stdout: string }) => error);
    const { problems } = JSON.parse(stdout) as { problems: { ruleId: string; message: string }[] };
    t.strictSame(
      problems.map(({ ruleId, message }) => `${ruleId}: ${message}`),
      [],
    );
  });
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keywords that hold values, not schemas or maps of schemas. */
const VALUES = ['example', 'examples', 'default', 'enum', 'const', 'mapping', 'x-query-example'];

/** The pointers to all schemas of a document, inner ones included. */
function* schemaPointers(value: unknown, pointer: string, isSchema: boolean): Generator<string> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* schemaPointers(item, `${pointer}/${index}`, isSchema);
    return;
  }
  if (!isObject(value)) return;
  const isMap = pointer.endsWith('/properties');
  if (isSchema && !isMap && ('type' in value || '$ref' in value || 'oneOf' in value)) yield pointer;
  for (const [name, member] of Object.entries(value)) {
    if (VALUES.includes(name) && !isMap) continue;
    const escaped = name.replaceAll('~', '~0').replaceAll('/', '~1');
    const isInner = isSchema || name === 'schema' || pointer.endsWith('/components/schemas');
    yield* schemaPointers(member, `${pointer}/${escaped}`, isInner);
  }
}

/** Without what is no schema, and without discriminators, of which Ajv takes fewer. */
function onlySchemas(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(onlySchemas);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !['links', 'example', 'examples'].includes(name))
      .filter(([name, member]) => !(name === 'discriminator' && isObject(member) && 'propertyName' in member))
      .map(([name, member]) => [name, onlySchemas(member)]),
  );
}

/** Values that tell schemas apart: simple ones, and examples with a member missing, too many, null or of another type. */
function candidates(examples: readonly unknown[]): unknown[] {
  const simple = [null, true, 0, 1, -1, 1.5, 2 ** 31, 1e300, '', 'x', 'a'.repeat(10_000), [], [1, 2], {}];
  const changed = examples.filter(isObject).flatMap((example) => [
    { ...example, unknown_member: 1 },
    ...Object.keys(example).flatMap((name) => {
      const { [name]: _, ...rest } = example;
      return [rest, { ...example, [name]: null }, { ...example, [name]: {} }, { ...example, [name]: -1 }];
    }),
  ]);
  return [...simple, ...examples, ...changed];
}

t.test('both documents accept and refuse the same values', async (t) => {
  const [document, old] = ['3.1.0', '3.0.3'].map((version) => JSON.parse(texts[version] ?? '')) as [
    Json,
    Json,
  ];
  const options = { strict: false, validateFormats: false, logger: false } as const;
  const ajv = new Ajv2020(options);
  ajv.addSchema(onlySchemas(document) as Json, 'new.json');
  const draft04 = new Draft04.default(options);
  draft04.addSchema(onlySchemas(old) as Json, 'old.json');
  const at = (pointer: string): Json =>
    pointer
      .split('/')
      .slice(1)
      .reduce<unknown>(
        (value, part) => (value as Json)[part.replaceAll('~1', '/').replaceAll('~0', '~')],
        document,
      ) as Json;
  const { schemas } = old.components as { schemas: Json };
  // A nullable reference is a copy in 3.0. What nothing else refers to is only there.
  const isInBoth = (pointer: string) => {
    const [, name] = /^\/components\/schemas\/(\w+)/.exec(pointer) ?? [];
    return name === undefined || name in schemas;
  };
  const pointers = [...schemaPointers(document, '', false)].filter(
    (pointer) => !/\/anyOf\/\d+/.test(pointer) && isInBoth(pointer),
  );
  const differences: string[] = [];
  let compared = 0;
  let accepted = 0;
  for (const pointer of pointers) {
    const encoded = encodeURI(pointer);
    const isNew = ajv.compile({ $ref: `new.json#${encoded}` });
    const isOld = draft04.compile({ $ref: `old.json#${encoded}` });
    const { $ref, examples = [] } = at(pointer);
    const shown = typeof $ref === 'string' ? (at($ref.slice(1)).examples ?? []) : examples;
    for (const value of candidates(shown as unknown[])) {
      const verdict = isNew(value);
      if (verdict !== isOld(value)) differences.push(`${pointer}: ${JSON.stringify(value).slice(0, 200)}`);
      compared += 1;
      if (verdict) accepted += 1;
    }
  }
  t.strictSame(differences.slice(0, 20), []);
  t.ok(pointers.length > 1000, `${pointers.length} schemas`);
  t.ok(
    compared > 15_000 && accepted > 3000 && accepted < compared,
    `${compared} values, ${accepted} accepted`,
  );
});

t.test('a difference between the documents would be seen', async (t) => {
  const draft04 = new Draft04.default({ strict: false, validateFormats: false });
  const scale = JSON.parse(texts['3.0.3'] ?? '').components.schemas.CompositeOperation.properties.scale;
  t.match(scale, { minimum: 0, exclusiveMinimum: true });
  t.notOk(draft04.validate(onlySchemas(scale) as Json, 0));
  t.ok(draft04.validate(onlySchemas({ ...scale, exclusiveMinimum: false }) as Json, 0));
  const { orientation } = JSON.parse(texts['3.0.3'] ?? '').components.schemas.Image.properties;
  t.ok(draft04.validate(onlySchemas(orientation) as Json, null));
  t.notOk(draft04.validate(onlySchemas({ ...orientation, nullable: false }) as Json, null));
});
