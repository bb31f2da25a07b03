/** Names that a language reserves, so that generators would rename a parameter or a field. */
const RESERVED = new Set(
  [
    // Go (https://go.dev/ref/spec#Keywords), without those that are also names in GeoJSON and RFC 9457.
    'break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch var',
    // Python (`keyword.kwlist` of 3.13)
    'False None True and as assert async await class def del elif except finally from global in is lambda nonlocal not or pass raise try while with yield',
    // Java (JLS 3.9)
    'abstract boolean byte char double enum extends final float implements instanceof int long native new private protected public short static strictfp super synchronized this throw throws transient void volatile',
    // TypeScript and JavaScript (ECMA-262, 12.7.2)
    'debugger delete export function typeof let',
  ].flatMap((words) => words.split(' ')),
);

/** Words that some language reserves and that stay, with the reason. */
const KEPT_WORDS = new Map([['from', 'the tag of WatershedMarkers; generators write from_ or From for it']]);

/** The only array of items without a page around it: its contract is older than the project. */
const PLAIN_LIST = '/frames';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every object of the document with the pointer to it. Examples are values, not parts of the document. */
function* objectsOf(value: unknown, pointer = '#'): Generator<[string, Json]> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* objectsOf(item, `${pointer}/${index}`);
    return;
  }
  if (!isObject(value)) return;
  yield [pointer, value];
  for (const [name, member] of Object.entries(value)) {
    const isValue = ['example', 'examples', 'default', 'enum', 'const'].includes(name);
    if (!isValue || pointer.endsWith('/properties')) yield* objectsOf(member, `${pointer}/${name}`);
  }
}

function resolve(document: Json, reference: unknown): Json {
  const parts = String(reference).split('/').slice(1);
  const found = parts.reduce<unknown>((value, part) => (isObject(value) ? value[part] : undefined), document);
  if (!isObject(found)) throw new Error(`${reference} refers to nothing.`);
  return found;
}

const followed = (document: Json, schema: Json): Json =>
  '$ref' in schema ? followed(document, resolve(document, schema.$ref)) : schema;

const branchesOf = (schema: Json): Json[] =>
  [schema.oneOf, schema.anyOf].flatMap((branches) => (Array.isArray(branches) ? branches : []));

const typesOf = (document: Json, schema: Json): unknown[] => {
  const { type } = followed(document, schema);
  return [type].flat();
};

interface Response extends Json {
  content?: Record<string, Json>;
}

/** The answers of an operation, with references followed. */
function answersOf(document: Json, operation: Json): [string, Response][] {
  return Object.entries((operation.responses ?? {}) as Record<string, Json>).map(([status, response]) => [
    status,
    followed(document, response) as Response,
  ]);
}

const isText = (mediaType: string) => /[/+]json$|^text\/plain$/.test(mediaType);

/** The rules by what they are called. Each gives what breaks it. */
const RULES: Record<string, (document: Json) => string[]> = {
  'a choice has no control characters': (document) =>
    [...objectsOf(document)].flatMap(([pointer, { enum: choices }]) =>
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the rule is about
      Array.isArray(choices) && choices.some((choice) => /[\x00-\x1f\x7f]/.test(String(choice)))
        ? [pointer]
        : [],
    ),

  'an integer has a format': (document) =>
    [...objectsOf(document)].flatMap(([pointer, { type, format }]) =>
      [type].flat().includes('integer') && format !== 'int32' && format !== 'int64' ? [pointer] : [],
    ),

  'a number that is not an integer is a double': (document) =>
    [...objectsOf(document)].flatMap(([pointer, { type, format }]) =>
      [type].flat().includes('number') && format !== 'double' ? [pointer] : [],
    ),

  'an integer of 32 bits has its bounds in 32 bits': (document) =>
    [...objectsOf(document)].flatMap(([pointer, { format, minimum, maximum }]) =>
      format === 'int32' && [minimum, maximum].some((bound) => Math.abs(Number(bound ?? 0)) >= 2 ** 31)
        ? [pointer]
        : [],
    ),

  'a list of files has no minimum': (document) =>
    [...objectsOf(document)].flatMap(([pointer, object]) =>
      pointer.includes('/multipart~1form-data/') || pointer.includes('/multipart/form-data/')
        ? 'minItems' in object
          ? [pointer]
          : []
        : [],
    ),

  'a union does not mix an object and an array': (document) =>
    [...objectsOf(document)].flatMap(([pointer, schema]) => {
      const types = new Set(branchesOf(schema).flatMap((branch) => typesOf(document, branch)));
      return types.has('object') && types.has('array') ? [pointer] : [];
    }),

  'a discriminator maps every branch, and each branch has one value': (document) =>
    [...objectsOf(document)].flatMap(([pointer, schema]) => {
      if (!isObject(schema.discriminator)) return [];
      const { propertyName, mapping } = schema.discriminator;
      const mapped = isObject(mapping) ? mapping : {};
      const references = branchesOf(schema).map(({ $ref }) => $ref);
      const isWhole = references.every((reference) => Object.values(mapped).includes(reference));
      const isTrue = Object.entries(mapped).every(([tag, reference]) => {
        const properties = followed(document, { $ref: reference }).properties as Record<string, Json>;
        const { const: value, enum: values = [value] } = properties[String(propertyName)] ?? {};
        return Array.isArray(values) && values.length === 1 && values[0] === tag;
      });
      return isWhole && isTrue ? [] : [pointer];
    }),

  'a branch of a union has a title': (document) =>
    [...objectsOf(document)].flatMap(([pointer, schema]) =>
      branchesOf(schema).every((branch) => typeof followed(document, branch).title === 'string')
        ? []
        : [pointer],
    ),

  'bytes are binary text under concrete media types, and JSON is not among them': (document) =>
    everyOperation(document).flatMap(([name, operation]) =>
      answersOf(document, operation).flatMap(([status, { content = {} }]) => {
        const media = Object.entries(content);
        const isBinary = ({ schema }: Json) => isObject(schema) && schema.format === 'binary';
        const areConcrete = media.every(([type]) => !type.includes('*'));
        const binary = media.filter(([, answer]) => isBinary(answer));
        const isOneKind =
          binary.length === 0 ? media.every(([type]) => isText(type)) : binary.length === media.length;
        return areConcrete && isOneKind ? [] : [`${name} ${status}`];
      }),
    ),

  'a problem is a shared response': (document) =>
    everyOperation(document).flatMap(([name, { responses = {} }]) =>
      Object.entries(responses as Record<string, Json>).flatMap(([status, response]) => {
        const isProblem =
          'application/problem+json' in ((followed(document, response) as Response).content ?? {});
        const isShared = String(response.$ref).startsWith('#/components/responses/');
        // The checks of health answer 503 with what they found.
        const mustBe = /^4/.test(status);
        return (isProblem || !mustBe) && isProblem === isShared ? [] : [`${name} ${status}`];
      }),
    ),

  'a list has next_cursor in its body and a Link header': (document) =>
    everyOperation(document).flatMap(([name, operation]) => {
      const parameters = (operation.parameters ?? []) as Json[];
      if (!parameters.some((parameter) => parameter.name === 'cursor')) return [];
      const [, answer = {}] = answersOf(document, operation).find(([status]) => status === '200') ?? [];
      const { headers = {}, content = {} } = answer as Response;
      if (!('link' in (headers as Json))) return [`${name} without Link`];
      const { schema } = content['application/json'] ?? {};
      // Files and pictures have no place for a cursor.
      if (!isObject(schema) || name === `get ${PLAIN_LIST}`) return [];
      const { required = [] } = followed(document, schema);
      return ['items', 'next_cursor'].every((field) => (required as unknown[]).includes(field)) ? [] : [name];
    }),

  'an operation documents what its security is, and the refusals that follow': (document) =>
    everyOperation(document).flatMap(([name, { security, responses = {} }]) => {
      if (!Array.isArray(security)) return [`${name} without security`];
      const statuses = Object.keys(responses as Json);
      if (security.length === 0) return [];
      const isRefused = statuses.includes('401') && statuses.includes('403');
      return isRefused ? [] : [`${name} without 401 or 403`];
    }),

  'scopes are those of the security scheme': (document) => {
    const schemes = resolve(document, '#/components/securitySchemes');
    const { flows } = resolve(document, '#/components/securitySchemes/access_token') as { flows: Json };
    const { scopes } = flows.password as { scopes: Json };
    return everyOperation(document).flatMap(([name, { security }]) => {
      const required = [security ?? []]
        .flat()
        .flatMap((one) => Object.entries(one as Record<string, string[]>));
      const isKnown = required.every(
        ([scheme, needed]) => scheme in schemes && needed.every((scope) => scope in scopes),
      );
      return isKnown ? [] : [name];
    });
  },

  'names are not reserved words': (document) =>
    [...objectsOf(document)].flatMap(([pointer, { name, in: place, properties }]) => {
      const names = [
        ...(place === undefined ? [] : [name]),
        ...Object.keys(isObject(properties) ? properties : {}),
      ];
      return names
        .map(String)
        .filter((word) => RESERVED.has(word) && !KEPT_WORDS.has(word))
        .map((word) => `${pointer} ${word}`);
    }),

  'no schema is called like the function that Go has for another one': (document) => {
    const names = Object.keys(resolve(document, '#/components/schemas'));
    return names.filter((name) => names.includes(name.replace(/^New/, '')) && name.startsWith('New'));
  },

  'no schema is empty': (document) =>
    [...objectsOf(document)].flatMap(([pointer, object]) =>
      [object.schema, object.items, object.additionalProperties]
        .concat(pointer.endsWith('/properties') ? Object.values(object) : [])
        .some((schema) => isObject(schema) && Object.keys(schema).every((key) => key === 'description'))
        ? [pointer]
        : [],
    ),
};

function everyOperation(document: Json): [string, Json][] {
  return Object.entries((document.paths ?? {}) as Record<string, Record<string, Json>>).flatMap(
    ([url, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Json] => [`${method} ${url}`, operation]),
  );
}

/** What in a document breaks a rule that client generators need, by rule. Rules that nothing breaks are left out. */
export function brokenRules(document: Json): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(RULES)
      .map(([rule, check]): [string, string[]] => [rule, check(document)])
      .filter(([, places]) => places.length > 0),
  );
}

export const RULE_NAMES = Object.keys(RULES);
