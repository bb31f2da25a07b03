import { sampleFor } from './samples.js';

/**
 * Adapts the OpenAPI 3.0 document to Swagger UI, in place. Paths get samples as their ids. Swagger UI fills in the examples of
 * schemas, but all examples together seldom make a working request, so those of parameters become text.
 *
 * @param isAuthenticationRequired whether requests need a credential
 */
export function prepare(document, isAuthenticationRequired) {
  // The page has its own title and links, and every request goes to this server.
  document.info.description = document.info.description.replace(/\n\nThis document:.*$/s, '');
  delete document.servers;
  prepareSecurity(document, isAuthenticationRequired);
  for (const schema of Object.values(document.components.schemas)) removePasswords(schema);
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const operation of Object.values(operations)) {
      for (const parameter of operation.parameters ?? []) prepareParameter(path, parameter);
      for (const { content = {} } of Object.values(operation.responses)) hideBytes(content);
      emptyForm(operation.requestBody?.content['application/x-www-form-urlencoded'], document);
    }
  }
  return document;
}

function prepareSecurity({ paths, components }, isRequired) {
  if (isRequired) {
    const { access_token: scheme, api_key: key } = components.securitySchemes;
    // The dialog moves to the field for the key, so that comes first.
    components.securitySchemes = { api_key: key, access_token: scheme };
    scheme.flows.password.tokenUrl = new URL('auth/token', location.href).href;
    return;
  }
  delete components.securitySchemes;
  for (const operations of Object.values(paths))
    for (const operation of Object.values(operations)) delete operation.security;
}

/** A published password must not become the one of an account. */
function removePasswords({ properties = {}, required = [], example }) {
  for (const [name, { format }] of Object.entries(properties)) {
    if (format !== 'password' || example?.[name] === undefined) continue;
    if (required.includes(name)) example[name] = '';
    else delete example[name];
  }
}

function prepareParameter(path, parameter) {
  const { schema } = parameter;
  const shown = schema.example;
  delete schema.example;
  if (parameter.in === 'path') {
    parameter.example = sampleFor(path);
    // The sample is a word until it is replaced by its id.
    parameter.schema = { type: 'string' };
  } else if (parameter.name === 'frame_set_id') {
    parameter.example = ['sample-log'];
    parameter.schema = { type: 'array', items: { type: 'string' } };
  } else if (shown !== undefined && parameter.example === undefined) {
    parameter.description += ` For example \`${[shown].flat().join(', ')}\`.`;
  }
}

/** Swagger UI would fill in the word "string". */
function emptyForm(media, { components }) {
  if (media === undefined) return;
  const { properties } = components.schemas[media.schema.$ref.split('/').at(-1)];
  for (const property of Object.values(properties)) if (property.enum === undefined) property.example = '';
}

/** The example of bytes would be the word "string". */
function hideBytes(content) {
  for (const media of Object.values(content)) if (media.schema?.format === 'binary') delete media.schema;
}
