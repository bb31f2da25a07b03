import { createRequire } from 'node:module';
import { renderAsync } from '@resvg/resvg-js';

const require = createRequire(import.meta.url);

/** The fonts come with the project: a server often has none, and text would be missing without a word. */
const FONT_FILES = [
  require.resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf'),
  require.resolve('@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf'),
];

/**
 * Draws one of our own SVG plots as a PNG of the document's size. It is drawn by resvg, which reads no files or
 * addresses that a document names, so that libvips' SVG loader stays blocked for everybody. Runs on libuv's threads.
 */
export async function renderPlotPng(svg: string): Promise<Buffer> {
  const image = await renderAsync(svg, {
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, defaultFontFamily: 'Inter' },
    logLevel: 'off',
  });
  return image.asPng();
}
