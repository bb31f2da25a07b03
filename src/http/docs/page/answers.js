/** A Swagger UI plugin that shows pictures in answers as pictures, and answers other than the usual ones only on request. */
export const answers = () => ({
  wrapComponents: { responseBody: withPictures, responses: withFoldedAnswers },
});

/** Pictures of one answer that are shown at most. */
const MAX_PICTURES = 200;
/** Characters of an answer that are shown at most: Swagger UI would take ten seconds to colour a megabyte. */
const MAX_CHARACTERS = 50_000;

function withPictures(Original, { React }) {
  const h = React.createElement;
  return function Pictures(props) {
    const { content, contentType = '' } = props;
    const picture = pictureOf(content, contentType);
    // The address of a blob is given back when another answer takes its place.
    const url = React.useMemo(
      () => (picture === undefined ? undefined : URL.createObjectURL(picture)),
      [content],
    );
    React.useEffect(() => () => url && URL.revokeObjectURL(url), [url]);
    if (url !== undefined && contentType.startsWith('image/tiff')) {
      return h(
        'p',
        {},
        'Browsers do not show TIFF. ',
        h('a', { href: url, download: 'picture.tiff' }, 'Download it'),
        '.',
      );
    }
    if (url !== undefined)
      return h('img', { className: 'answer', src: url, alt: 'The picture in the answer' });
    const embedded = contentType.startsWith('application/json') ? embeddedPictures(content) : [];
    const shown = typeof content === 'string' ? indented(content) : '';
    const body =
      shown.length > MAX_CHARACTERS
        ? h(CutText, { text: content, type: contentType, shown: shown.slice(0, MAX_CHARACTERS) })
        : h(Original, props);
    if (embedded.length === 0) return body;
    const pictures = embedded.map(({ image, label }, key) =>
      h(
        'figure',
        { key },
        h('img', { src: `data:image/png;base64,${image}`, alt: '' }),
        h('figcaption', {}, label),
      ),
    );
    return h(React.Fragment, {}, h('div', { className: 'embedded' }, pictures), body);
  };

  function CutText({ text, type, shown }) {
    const url = React.useMemo(() => URL.createObjectURL(new Blob([text], { type })), [text]);
    React.useEffect(() => () => URL.revokeObjectURL(url), [url]);
    return h(
      React.Fragment,
      {},
      h(
        'p',
        {},
        `This is the beginning of an answer of ${text.length.toLocaleString()} characters. `,
        h('a', { href: url, download: '' }, 'Download all'),
      ),
      h('pre', { className: 'microlight cut' }, shown),
    );
  }
}

/** JSON as Swagger UI writes it, other text as it is. */
function indented(text) {
  const value = parse(text);
  return value === undefined ? text : JSON.stringify(value, undefined, 2);
}

/** An SVG as a picture; other pictures come as blobs. */
function pictureOf(content, contentType) {
  if (!contentType.startsWith('image/')) return undefined;
  if (content instanceof Blob) return content;
  return contentType.startsWith('image/svg') ? new Blob([content], { type: 'image/svg+xml' }) : undefined;
}

/** PNG pictures in base64 inside of a JSON answer: those of frames and of colour maps. */
function embeddedPictures(content) {
  const answer = typeof content === 'string' ? parse(content) : content;
  const items = [answer?.items ?? answer].flat().slice(0, MAX_PICTURES);
  return items.flatMap((item) => {
    const image = item?.image ?? item?.swatch;
    return typeof image === 'string' ? [{ image, label: item.depth ?? item.name }] : [];
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Statuses of the usual answers. The others are many, and would keep the answer to a request far from its button. */
const USUAL = ['200', '201', '204'];

function withFoldedAnswers(Original, { React }) {
  const h = React.createElement;
  return function FoldedAnswers({ responses, ...props }) {
    const [isOpen, setOpen] = React.useState(false);
    const others = responses.filter((_, status) => !USUAL.includes(status));
    const shown = isOpen ? responses : responses.filter((_, status) => USUAL.includes(status));
    const label = isOpen
      ? 'Hide the errors and other answers'
      : `Show the errors and other answers: ${[...others.keys()].join(', ')}`;
    const toggle = h(
      'button',
      {
        type: 'button',
        className: 'btn others',
        'aria-expanded': isOpen,
        onClick: () => setOpen(!isOpen),
      },
      label,
    );
    return h(React.Fragment, {}, h(Original, { ...props, responses: shown }), others.size > 0 && toggle);
  };
}
