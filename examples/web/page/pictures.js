// Pictures as RGBA pixels, which is what the app takes.

/** Longest side that is kept: the network looks at far fewer pixels, and phones have little memory. */
const MAX_SIDE = 768;
/** The app's shortest side. */
const MIN_SIDE = 16;

/** A picture of a blob, turned upright and scaled down if it is large. */
export async function fromBlob(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  } catch {
    throw new Error("This file is no picture that the browser can read.");
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < MIN_SIDE) {
    throw new Error(`This picture is ${width} x ${height} pixels; it needs at least ${MIN_SIDE} on each side.`);
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const side = (length) => Math.max(MIN_SIDE, Math.round(length * scale));
  const picture = draw(bitmap, 0, 0, width, height, side(width), side(height));
  bitmap.close();
  return picture;
}

/** A picture of an address. */
export async function fromUrl(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} could not be downloaded (${response.status}).`);
  return fromBlob(await response.blob());
}

/** The middle square of a video's present frame, mirrored as in a mirror. */
export function fromVideo(video, side) {
  const { videoWidth: width, videoHeight: height } = video;
  const square = Math.min(width, height);
  return draw(video, (width - square) / 2, (height - square) / 2, square, square, side, side, true);
}

let canvas;

function draw(source, x, y, width, height, outWidth, outHeight, mirrored = false) {
  canvas ??= document.createElement("canvas");
  canvas.width = outWidth;
  canvas.height = outHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  if (mirrored) context.setTransform(-1, 0, 0, 1, outWidth, 0);
  context.drawImage(source, x, y, width, height, 0, 0, outWidth, outHeight);
  const { data } = context.getImageData(0, 0, outWidth, outHeight);
  return { width: outWidth, height: outHeight, pixels: new Uint8Array(data.buffer) };
}
