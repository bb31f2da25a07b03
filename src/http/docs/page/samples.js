/** Words that stand for the ids of samples in requests. The samples are made when a request needs them. */
const SAMPLES = {
  'sample-photo': () => uploadPicture('photo.jpg'),
  'sample-artifact': () => derive('resize', { width: 800 }),
  'sample-histogram': () => derive('histogram', {}),
  'sample-mask': () => derive('segmentation', { min_area: 100 }),
  'sample-log': uploadLog,
  'sample-frame': firstFrame,
  'sample-job': endedJob,
};

const WORDS = /sample-(?:photo|artifact|histogram|mask|log|frame|job)\b/g;

/** The sample that fits the id in a path; undefined if people have to choose what an operation is about. */
export function sampleFor(path) {
  if (!/^\/(images|artifacts|frame-sets|frames|jobs)\//.test(path)) return undefined;
  if (path.startsWith('/images/')) return 'sample-photo';
  if (path.startsWith('/frame-sets/')) return 'sample-log';
  if (path.startsWith('/frames/')) return 'sample-frame';
  if (path.startsWith('/jobs/')) return 'sample-job';
  if (path.endsWith('/plot') && !path.includes('/histogram/')) return 'sample-histogram';
  return path.includes('/segments') ? 'sample-mask' : 'sample-artifact';
}

/** The ids of samples that this page has made, by their words. */
const made = new Map();
/** The credential with which they were made. Other users do not see them. */
let credential = {};

/** Replaces the words in a request by ids. */
export async function replaceSamples(request) {
  if (request.loadSpec) return request;
  useCredential(request.headers);
  request.url = await replaceWords(request.url);
  if (typeof request.body === 'string') request.body = await replaceWords(request.body);
  // A sample may be deleted, and what was derived from it. Equal samples are stored once, so making them again does no harm.
  if (request.method?.toUpperCase() === 'DELETE') made.clear();
  return request;
}

/** Samples are made with the credential of the request that needs them. */
function useCredential(headers = {}) {
  const { Authorization, 'X-API-Key': key } = headers;
  const given = { ...(Authorization && { Authorization }), ...(key && { 'X-API-Key': key }) };
  if (JSON.stringify(given) !== JSON.stringify(credential)) made.clear();
  credential = given;
}

async function replaceWords(text) {
  const words = [...new Set(text.match(WORDS) ?? [])];
  for (const word of words) {
    if (!made.has(word)) made.set(word, await SAMPLES[word]());
  }
  return text.replaceAll(WORDS, (word) => made.get(word));
}

/** A sample file, by its name. */
export async function sampleFile(name) {
  const response = await fetch(`docs/samples/${name}`);
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}

async function request(path, init = {}) {
  const headers = { ...init.headers, ...credential };
  const response = await fetch(path.slice(1), { ...init, headers });
  const body = await response.json();
  if (!response.ok) throw new Error(`The sample cannot be made: ${body.detail}`);
  return body;
}

async function sendFile(path, field, name) {
  const body = new FormData();
  body.append(field, await sampleFile(name));
  return request(path, { method: 'POST', body });
}

async function uploadPicture(name) {
  const { results } = await sendFile('/images', 'files', name);
  return results[0].image.id;
}

const post = (path, body) =>
  request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function derive(operation, parameters) {
  const photo = await uploadPicture('photo.jpg');
  return (await post(`/images/${photo}/${operation}`, parameters)).id;
}

/** A job has results and can be deleted once it has ended; a busy service may take longer than anyone waits. */
async function endedJob() {
  const photo = await uploadPicture('photo.jpg');
  let job = await post('/jobs', { operation: 'resize', parameters: { width: 800 }, image_ids: [photo] });
  for (let tries = 0; job.ended_at === null && tries < 50; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    job = await request(`/jobs/${job.id}`);
  }
  return job.id;
}

async function uploadLog() {
  return (await sendFile('/upload', 'file', 'image-log.csv')).id;
}

async function firstFrame() {
  const { items } = await request(`/frame-sets/${await uploadLog()}/frames?limit=1`);
  return items[0].id;
}
