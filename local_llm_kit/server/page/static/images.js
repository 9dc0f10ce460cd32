/** Images for a message: checked, made smaller where they are large, as data URLs. */

const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const MAX_IMAGES = 6;
/** Vision models look at tiles of some hundred pixels; more only takes longer. */
const MAX_EDGE = 1568;
const MAX_BYTES = 600 << 10;

/** The images among some files, as many as a message may still take. */
export function imageFiles(files, nPresent) {
  return [...files].filter((file) => TYPES.includes(file.type)).slice(0, MAX_IMAGES - nPresent);
}

/**
 * A file as data URL.
 * @throws {Error} it is no image that this browser reads; the message is for the user.
 */
export async function readImage(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`“${file.name}” is no image that this browser can read.`);
  }
  const scale = Math.min(1, MAX_EDGE / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= MAX_BYTES) return dataUrl(file);
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(bitmap.width * scale)),
    Math.max(1, Math.round(bitmap.height * scale)),
  );
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // JPEG knows no transparency, and black is what it would become
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return dataUrl(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 }));
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
