/** What plots are drawn of. Text stays text: nothing here reads markup. */

const NAMESPACE = "http://www.w3.org/2000/svg";
const ruler = document.createElement("canvas").getContext("2d");
/** No label is wider than this many letters, whatever a name has. */
const MAX_LETTERS = 200;

/** A new element of a drawing. Undefined attributes are left out. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** How wide a text is, in the page's small letters. */
export function widthOf(text) {
  ruler.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

/** A text, cut so that it fits. */
export function fitted(text, width) {
  const letters = Array.from(text.slice(0, 2 * MAX_LETTERS));
  if (letters.length <= MAX_LETTERS && text.length <= 2 * MAX_LETTERS && widthOf(text) <= width) return text;
  let [low, high] = [0, Math.min(letters.length, MAX_LETTERS)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(`${letters.slice(0, middle).join("")}…`) <= width) low = middle;
    else high = middle - 1;
  }
  return `${letters.slice(0, low).join("")}…`;
}

/**
 * The marks of an axis from 0: round numbers, at least as far as the largest value.
 * @param isWhole whether there is nothing between 0 and 1.
 */
export function ticksTo(largest, isWhole) {
  if (!(largest > 0)) return [0];
  const rough = largest / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) * power, isWhole ? 1 : 0);
  const rounded = isWhole ? Math.ceil(step) : step;
  return Array.from({ length: Math.ceil(largest / rounded - 1e-9) + 1 }, (_, i) => i * rounded);
}
