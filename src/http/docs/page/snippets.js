/** The languages of code samples, in the order of their tabs, as Swagger UI wants them. */
export const LANGUAGES = {
  curl_bash: { title: 'curl', syntax: 'bash' },
  typescript: { title: 'TypeScript', syntax: 'javascript' },
  python: { title: 'Python', syntax: 'python' },
};

/** Stand for secrets in requests. The samples of all languages read the variables of these names. */
export const CREDENTIAL = '$COREFRAME_KEY';
const PASSWORD = '$COREFRAME_PASSWORD';
const PLACEHOLDER = /\$(COREFRAME_(?:KEY|PASSWORD))/;
const PLACEHOLDERS = new RegExp(PLACEHOLDER, 'g');

/** Fields of bodies that are secrets. */
const SECRET_FIELD = /password$|_token$|_secret$/;

/** The same fields, with placeholders for secrets. */
export function hideSecrets(fields) {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, SECRET_FIELD.test(name) ? PASSWORD : value]),
  );
}

/** A Swagger UI plugin that writes the request that was sent as code. */
export const snippets = () => ({
  fn: {
    requestSnippetGenerator_curl_bash: (request) => writeCurl(sentRequest(request)),
    requestSnippetGenerator_typescript: (request) => writeTypeScript(sentRequest(request)),
    requestSnippetGenerator_python: (request) => writePython(sentRequest(request)),
  },
});

/**
 * A request as code in all languages, as Redoc wants it.
 *
 * @param request `method`, `url`, `headers`, `files` (names of fields and files), `fields` of a form without files, `json`, and
 *   whether the answer `isFile`
 */
export function writeSamples(request) {
  return [
    { lang: 'curl', source: writeCurl(request) },
    { lang: 'TypeScript', source: writeTypeScript(request) },
    { lang: 'Python', source: writePython(request) },
  ];
}

/** A request from Swagger UI's Immutable map. */
function sentRequest(request) {
  const { url, method, headers = {}, body } = request.toJS();
  const isUrlencoded = /^application\/x-www-form-urlencoded/i.test(headers['Content-Type'] ?? '');
  const isForm = /^multipart\/form-data/i.test(headers['Content-Type'] ?? '');
  const accept = headers.accept ?? headers.Accept ?? '';
  return {
    url,
    method: method.toUpperCase(),
    // The form and the JSON write their own types.
    headers: Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => name !== 'Content-Type')
        .map(([name, value]) => [name, hideCredential(name, value)]),
    ),
    files: isForm ? filesOf(body) : [],
    fields: isUrlencoded ? hideSecrets(fieldsOf(body)) : undefined,
    json: isForm || isUrlencoded ? undefined : hideSecrets(parseJson(body)),
    isFile: accept !== '' && !/json|^\*/.test(accept),
  };
}

function hideCredential(name, value) {
  if (name === 'Authorization') return `Bearer ${CREDENTIAL}`;
  return name === 'X-API-Key' ? CREDENTIAL : value;
}

/** The fields of a form without files, which Swagger UI gives as text or as an object. */
const fieldsOf = (body) => Object.fromEntries(new URLSearchParams(body ?? ''));

/** Names of fields and files of a form. */
function filesOf(form) {
  return Object.entries(form ?? {}).flatMap(([field, values]) =>
    [values]
      .flat()
      .filter((value) => value instanceof File)
      .map((file) => [field, file.name]),
  );
}

function parseJson(body) {
  if (body === undefined || body === null || body === '') return undefined;
  return typeof body === 'string' ? JSON.parse(body) : body;
}

const indent = (text, by) => text.replaceAll('\n', `\n${by}`);

/** Text in single quotes, for JavaScript and Python. */
const quote = (text) => `'${String(text).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Variables are only replaced between double quotes. */
function shellQuote(text) {
  if (/^[\w ():-]*\$COREFRAME_[A-Z]+$/.test(text)) return `"${text}"`;
  return `'${String(text).replaceAll("'", "'\\''").replaceAll(PLACEHOLDERS, `'"$&"'`)}'`;
}

/** A value as JavaScript, with the environment in place of placeholders. */
const javaScriptValue = (value) =>
  JSON.stringify(value, null, 2).replaceAll(/"([^"$]*)\$(COREFRAME_(?:KEY|PASSWORD))"/g, (_, before, name) =>
    before === '' ? `process.env.${name}` : `\`${before}\${process.env.${name}}\``,
  );

/** Text as Python, with the environment in place of a placeholder. */
function pythonText(text) {
  const [before, name] = text.split(PLACEHOLDER);
  if (name === undefined) return quote(text);
  const variable = `os.environ[${quote(name)}]`;
  return before === '' ? variable : `${quote(before)} + ${variable}`;
}

/** The file name in which a sample stores the answer. */
const OUTPUT = 'answer';

function writeCurl({ url, method, headers, files, fields, json, isFile }) {
  const lines = [`curl -fsS${isFile ? ` -o ${OUTPUT}` : ''} ${shellQuote(url)}`];
  const isImplied =
    method === 'GET' || (method === 'POST' && (files.length > 0 || (fields ?? json) !== undefined));
  if (!isImplied) lines.push(`-X ${method}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${shellQuote(`${name}: ${value}`)}`);
  for (const [name, value] of Object.entries(fields ?? {}))
    lines.push(`--data-urlencode ${shellQuote(`${name}=${value}`)}`);
  for (const [field, name] of files) lines.push(`-F ${shellQuote(`${field}=@${name}`)}`);
  if (json !== undefined) {
    lines.push("-H 'Content-Type: application/json'", `-d ${shellQuote(JSON.stringify(json, null, 2))}`);
  }
  return lines.join(' \\\n  ');
}

function writeTypeScript({ url, method, headers, files, fields, json, isFile }) {
  const lines = [];
  if (files.length > 0)
    lines.push("import { openAsBlob } from 'node:fs';", '', 'const form = new FormData();');
  for (const [field, name] of files) {
    lines.push(`form.append(${quote(field)}, await openAsBlob(${quote(name)}), ${quote(name)});`);
  }
  const all = json === undefined ? headers : { ...headers, 'Content-Type': 'application/json' };
  const options = [
    ...(method === 'GET' ? [] : [`method: ${quote(method)},`]),
    ...(Object.keys(all).length === 0 ? [] : [`headers: ${indent(javaScriptValue(all), '  ')},`]),
    ...(json === undefined ? [] : [`body: JSON.stringify(${indent(javaScriptValue(json), '  ')}),`]),
    ...(fields === undefined ? [] : [`body: new URLSearchParams(${indent(javaScriptValue(fields), '  ')}),`]),
    ...(files.length === 0 ? [] : ['body: form,']),
  ];
  const argument = options.length === 0 ? '' : `, {\n  ${options.join('\n  ')}\n}`;
  lines.push(`const response = await fetch(${quote(url)}${argument});`);
  lines.push('if (!response.ok) throw new Error((await response.json()).detail);');
  if (isFile) lines.push('const bytes = await response.arrayBuffer();');
  else if (method !== 'DELETE') lines.push('const answer = await response.json();');
  return lines.join('\n');
}

function writePython({ url, method, headers, files, fields, json, isFile }) {
  const values = [quote(url)];
  if (files.length > 0) {
    const list = files.map(([field, name]) => `    (${quote(field)}, open(${quote(name)}, 'rb')),`);
    values.push(`files=[\n${list.join('\n')}\n]`);
  }
  if (fields !== undefined) values.push(`data=${pythonValue(fields)}`);
  if (json !== undefined) values.push(`json=${pythonValue(json)}`);
  if (Object.keys(headers).length > 0) values.push(`headers=${pythonValue(headers)}`);
  const call = `response = requests.${method.toLowerCase()}(${values.join(', ')})`;
  const lines = [
    ...(call.includes('os.environ[') ? ['import os', ''] : []),
    'import requests',
    '',
    call,
    'response.raise_for_status()',
  ];
  if (isFile) lines.push('data = response.content');
  else if (method !== 'DELETE') lines.push('answer = response.json()');
  return lines.join('\n');
}

/** A JSON value as Python writes it. */
function pythonValue(value) {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(', ')}]`;
  if (typeof value !== 'object') return typeof value === 'string' ? pythonText(value) : String(value);
  const members = Object.entries(value).map(([name, member]) => `${quote(name)}: ${pythonValue(member)}`);
  return `{${members.join(', ')}}`;
}
