/** Runs in a browser: the pages of a picture, each as the base64 of its RGBA pixels on a canvas in sRGB. */
globalThis.decodeInBrowser = async (base64, type) => {
  const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (type !== 'image/gif') return [toPage(await createImageBitmap(new Blob([data], { type })))];
  const decoder = new ImageDecoder({ data, type });
  await decoder.tracks.ready;
  await decoder.completed;
  const pages = [];
  for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex += 1) {
    const { image } = await decoder.decode({ frameIndex });
    pages.push(toPage(image, image.displayWidth, image.displayHeight));
    image.close();
  }
  return pages;
};

function toPage(picture, width = picture.width, height = picture.height) {
  const context = new OffscreenCanvas(width, height).getContext('2d', { colorSpace: 'srgb' });
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  return { width, height, pixels: btoa(Array.from(pixels, (value) => String.fromCharCode(value)).join('')) };
}
