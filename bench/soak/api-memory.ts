import sharp from 'sharp';
import { type BenchServer, outsideOfHeap } from '../support/server.ts';
import { type LoadClient, onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const IMAGES = 20_000;
const PER_UPLOAD = 100;
const UPLOADS_IN_FLIGHT = 2;
const IN_FLIGHT = 8;
const PER_PAGE = 100;
const MAX_GROWTH_BYTES = 40_000_000;

const megabytes = (bytes: number): number => Math.round(bytes / 100_000) / 10;

/** A small PNG that differs from that of every other index. */
function picture(index: number): Promise<Buffer> {
  const background = { r: index >> 16, g: (index >> 8) & 255, b: index & 255 };
  return sharp({ create: { width: 64, height: 48, channels: 3, background } })
    .png()
    .toBuffer();
}

/** Uploads the pictures from `first` on in one request and gives the ids of the images. */
async function upload(url: string, first: number): Promise<string[]> {
  const form = new FormData();
  for (let index = first; index < first + PER_UPLOAD; index += 1) {
    form.append('files', new Blob([await picture(index)]), `${index}.png`);
  }
  const response = await fetch(`${url}/images`, { method: 'POST', body: form });
  const { results } = (await response.json()) as { results: { image?: { id: string } }[] };
  const ids = results.flatMap(({ image }) => image?.id ?? []);
  if (ids.length !== PER_UPLOAD) throw new Error(`Not all images were stored: ${JSON.stringify(results[0])}`);
  return ids;
}

/** Uploads all pictures from `start` on. */
async function uploadFrom(url: string, start: number): Promise<string[]> {
  const ids: string[] = [];
  for (let first = start; first < IMAGES; first += PER_UPLOAD * UPLOADS_IN_FLIGHT) {
    const batches = Array.from({ length: UPLOADS_IN_FLIGHT }, (_, batch) => first + batch * PER_UPLOAD);
    const uploads = batches.filter((batch) => batch < IMAGES).map((batch) => upload(url, batch));
    ids.push(...(await Promise.all(uploads)).flat());
  }
  return ids;
}

/** Reads all pages of the list and gives the number of images. */
async function listAll(url: string): Promise<number> {
  let count = 0;
  let cursor: string | null = '';
  while (cursor !== null) {
    const after = cursor === '' ? '' : `&cursor=${cursor}`;
    const response = await fetch(`${url}/images?limit=${PER_PAGE}${after}`);
    const page = (await response.json()) as { items: object[]; next_cursor: string | null };
    count += page.items.length;
    cursor = page.next_cursor;
  }
  return count;
}

async function getAll(client: LoadClient, { port }: BenchServer, paths: string[]): Promise<void> {
  const requests = paths.map((path) => ({ method: 'GET', path }));
  const { statuses } = await client.call({ port, requests, count: paths.length, inFlight: IN_FLIGHT });
  if (statuses[200] !== paths.length) throw new Error(`Not all were sent: ${JSON.stringify(statuses)}`);
}

/**
 * 20,000 small images are uploaded, listed, shown and resized. The figures are how much more memory the API process then has
 * outside of its JavaScript heap: in buffers since its start, and resident since the first 100 images, for which it loads code.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const server = await stage.startServer();
    const client = await stage.startLoadClient();
    const show = async (ids: readonly string[]) => {
      const paths = ids.flatMap((id) => [`/images/${id}`, `/images/${id}/content`]);
      await getAll(client, server, paths);
    };
    const resize = (ids: readonly string[]) =>
      getAll(
        client,
        server,
        ids.map((id) => `/images/${id}/resize?width=32`),
      );
    const { external } = await outsideOfHeap(server);
    const first = await upload(server.url, 0);
    await show(first);
    await resize(first);
    const { resident } = await outsideOfHeap(server);
    const began = performance.now();
    const look = async (done: string) => {
      const now = await outsideOfHeap(server);
      const seconds = Math.round((performance.now() - began) / 1000);
      const grown = { external: now.external - external, resident: now.resident - resident };
      console.log(
        `${done} after ${seconds} s: ${megabytes(grown.external)} MB more in buffers, ` +
          `${megabytes(grown.resident)} MB more resident`,
      );
      return grown;
    };
    const ids = [...first, ...(await uploadFrom(server.url, PER_UPLOAD))];
    await look('uploaded');
    const listed = await listAll(server.url);
    if (listed !== IMAGES) throw new Error(`${listed} images were listed.`);
    await look('listed');
    await show(ids);
    await look('shown');
    await resize(ids);
    const grown = await look('resized');
    return {
      figures: { external_mb: megabytes(grown.external), resident_mb: megabytes(grown.resident) },
      failures: Object.entries(grown)
        .filter(([, bytes]) => bytes > MAX_GROWTH_BYTES)
        .map(([kind, bytes]) => `${kind}: ${megabytes(bytes)} MB more, over ${megabytes(MAX_GROWTH_BYTES)}.`),
    };
  });
