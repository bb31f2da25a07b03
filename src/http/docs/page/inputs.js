import { credentialHeaders } from './authorization.js';
import { sampleFile } from './samples.js';

/** The sample files that each field of an upload offers; the first is chosen. */
const FILES = { files: ['photo.jpg', 'scan.png'], file: ['image-log.csv'] };

/** A Swagger UI plugin that fills in sample files of uploads, and offers the pictures that were uploaded last for an id. */
export const inputs = () => ({
  wrapComponents: { RequestBody: withSampleFiles, parameterRow: withLatest },
});

function withSampleFiles(Original, { React, Im }) {
  const h = React.createElement;
  return function SampleFiles(props) {
    const field = Object.keys(FILES).find((name) =>
      props.requestBody?.hasIn(['content', 'multipart/form-data', 'schema', 'properties', name]),
    );
    const choose = async (...names) => {
      const files = await Promise.all(names.map(sampleFile));
      props.onChange(field === 'files' ? Im.List(files) : files[0], [field]);
    };
    const value = field && props.requestBodyValue?.getIn?.([field, 'value']);
    React.useEffect(() => {
      if (field !== undefined && value === undefined) choose(FILES[field][0]);
    }, [field]);
    if (field === undefined) return h(Original, props);
    const chosen = [value?.toJS?.() ?? value].flat().filter((file) => file instanceof File);
    const buttons = [
      ...FILES[field].map((name) => [name]),
      ...(FILES[field].length > 1 ? [FILES[field]] : []),
    ];
    return h(
      React.Fragment,
      {},
      h(
        'div',
        { className: 'samples' },
        'Samples: ',
        buttons.map((names) =>
          h(
            'button',
            { key: names.join(), type: 'button', className: 'btn', onClick: () => choose(...names) },
            names.join(' and '),
          ),
        ),
        h(
          'span',
          { role: 'status' },
          ` To be sent: ${chosen.map(({ name }) => name).join(', ') || 'nothing'}.`,
        ),
      ),
      h(Original, props),
    );
  };
}

/** Lists of which an id in a path can be one, with what names an item. */
const LISTS = [
  { path: /^\/images\//, list: 'images?limit=3', nameOf: ({ filename }) => filename },
  {
    path: /^\/artifacts\//,
    list: 'artifacts?limit=3',
    nameOf: ({ kind, filename }) => `${kind} ${filename}`,
  },
  { path: /^\/frame-sets\//, list: 'frame-sets?limit=3', nameOf: ({ name }) => name },
  {
    path: /^\/jobs\//,
    list: 'jobs?limit=3',
    nameOf: ({ operation, state, progress }) => `${operation} of ${progress.total}, ${state}`,
  },
  { path: /^\/users\//, list: 'users?limit=3', nameOf: ({ email }) => email },
  { path: /^\/api-keys\//, list: 'api-keys?limit=3', nameOf: ({ name, prefix }) => `${name} ${prefix}…` },
  {
    path: /^\/auth\/sessions\//,
    list: 'auth/sessions?limit=3',
    nameOf: ({ client, current }) => `${client}${current ? ' (this one)' : ''}`,
  },
];

function withLatest(Original, system) {
  const { React } = system;
  const h = React.createElement;
  return function Latest(props) {
    const { rawParam, pathMethod, onChange } = props;
    const [items, setItems] = React.useState([]);
    const [failure, setFailure] = React.useState('');
    const source =
      rawParam?.get('in') === 'path' ? LISTS.find(({ path }) => path.test(pathMethod[0])) : undefined;
    const offer = async () => {
      if (source === undefined) return;
      const response = await fetch(source.list, { headers: credentialHeaders(system) });
      const body = await response.json();
      setItems(body.items ?? []);
      setFailure(response.ok ? '' : body.detail);
    };
    if (source === undefined) return h(Original, props);
    const buttons = items.map((item) =>
      h(
        'button',
        { key: item.id, type: 'button', className: 'btn', onClick: () => onChange(rawParam, item.id, false) },
        source.nameOf(item),
      ),
    );
    return h(
      React.Fragment,
      {},
      h(Original, props),
      h(
        'tr',
        { className: 'latest' },
        h('td', {}),
        h(
          'td',
          {},
          h('button', { type: 'button', className: 'btn', onClick: offer }, 'Choose from the latest'),
          buttons,
          failure,
        ),
      ),
    );
  };
}
