import { CREDENTIAL, hideSecrets, writeSamples } from './snippets.js';

const isAuthenticationRequired = document.documentElement.dataset.authentication === 'required';

const response = await fetch('openapi.json');
const document_ = await response.json();
addSamples(document_);
Redoc.init(
  document_,
  {
    hideDownloadButtons: true,
    // Every operation can fail in the same ways, so the successes come first.
    sortRequiredPropsFirst: true,
    theme: {
      colors: { primary: { main: '#5b2c0b' } },
      typography: { fontFamily: 'sans-serif', headings: { fontFamily: 'sans-serif' } },
    },
  },
  document.getElementById('reference'),
);

/** Adds code to each operation, with the values of its examples. */
function addSamples({ paths, components }) {
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      operation['x-codeSamples'] = writeSamples(requestOf(path, method, operation, components));
    }
  }
}

function requestOf(path, method, { parameters = [], requestBody, responses, security }, components) {
  const needsCredential = isAuthenticationRequired && security?.length > 0;
  const query = new URLSearchParams();
  let filled = path;
  for (const { name, in: place, schema, example } of parameters) {
    const value = example ?? (place === 'path' ? schema.examples?.[0] : undefined);
    if (place === 'path') filled = filled.replace(`{${name}}`, value ?? name);
    else if (value !== undefined) for (const item of [value].flat()) query.append(name, item);
  }
  const {
    'application/json': json,
    'multipart/form-data': form,
    'application/x-www-form-urlencoded': urlencoded,
  } = requestBody?.content ?? {};
  const [answer = ''] = Object.keys((responses[200] ?? responses[201])?.content ?? {});
  return {
    method: method.toUpperCase(),
    url: `${location.origin}${filled}${query.size > 0 ? `?${query}` : ''}`,
    headers: needsCredential ? { Authorization: `Bearer ${CREDENTIAL}` } : {},
    isFile: answer !== '' && !/json$/.test(answer),
    files: Object.keys(form?.schema.properties ?? {}).map((field) => [
      field,
      field === 'file' ? 'image-log.csv' : 'photo.jpg',
    ]),
    fields: urlencoded && hideSecrets(exampleOf(urlencoded, components)),
    json: json && hideSecrets(exampleOf(json, components)),
  };
}

function exampleOf({ schema, examples }, components) {
  const [first] = Object.values(examples ?? {});
  return first?.value ?? components.schemas[schema.$ref?.split('/').at(-1)]?.examples?.[0] ?? {};
}
