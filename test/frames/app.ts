import type { LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import { createTestApp, multipartBody, type TestApp } from '../support/app.ts';

export interface FramesApp extends TestApp {
  /** Uploads a log given as text or bytes. */
  uploadLog(file: string | Buffer, query?: string, filename?: string): Promise<LightMyRequestResponse>;
  get(url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
  /** Rows in the tables of this slice. */
  countRows(): Promise<{ frames: number; frame_sets: number }>;
}

/** The whole application, with helpers for tests of frames. */
export async function createFramesApp(t: Test, settings: Record<string, string> = {}): Promise<FramesApp> {
  const created = await createTestApp(t, settings);
  const { app, services } = created;
  return {
    ...created,
    uploadLog: (file, query = '', filename = 'log.csv') => {
      const bytes = typeof file === 'string' ? Buffer.from(file) : file;
      const { body, headers } = multipartBody([{ bytes, filename, field: 'file', type: 'text/csv' }]);
      return app.inject({ method: 'POST', url: `/upload${query}`, payload: body, headers });
    },
    get: (url, headers = {}) => app.inject({ method: 'GET', url, headers }),
    countRows: async () => {
      const { rows } = await services.database.pool.query(
        'SELECT (SELECT count(*)::int FROM frames) AS frames, (SELECT count(*)::int FROM frame_sets) AS frame_sets',
      );
      return rows[0];
    },
  };
}

/** A log of grey levels by `level(row, column)`, depths by `depth(row)`. */
export function writeLog(
  rows: number,
  columns: number,
  level: (row: number, column: number) => number | string = (row, column) => (row * 7 + column * 3) % 256,
  depth: (row: number) => number | string = (row) => 100 + row / 10,
): string {
  const header = ['depth', ...Array.from({ length: columns }, (_, column) => `col${column + 1}`)];
  const lines = Array.from({ length: rows }, (_, row) =>
    [depth(row), ...Array.from({ length: columns }, (_, column) => level(row, column))].join(','),
  );
  return `${[header.join(','), ...lines].join('\n')}\n`;
}

/** Rows of a CSV answer: depths and grey levels, null if missing. */
export function readCsv(text: string): { depth: number; pixels: (number | null)[] }[] {
  const [, ...lines] = text.trimEnd().split('\n');
  return lines.map((line) => {
    const [depth, ...cells] = line.split(',');
    return { depth: Number(depth), pixels: cells.map((cell) => (cell === '' ? null : Number(cell))) };
  });
}
