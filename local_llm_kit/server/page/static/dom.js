/** Elements without markup: whatever text they are given stays text. */

const SVG = "http://www.w3.org/2000/svg";

/** The element of `index.html` with this id. */
export const $ = (id) => document.getElementById(id);

/**
 * A new element. `on` holds listeners; other properties are attributes, of which false and
 * undefined are left out and true is set empty. Children are nodes or text; null is skipped.
 */
export function el(tag, { on = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** One of the icons of `index.html`; screen readers pass over it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button that shows an icon and is read as `label`. */
export function iconButton(name, label, click) {
  return el(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click } },
    icon(name),
  );
}

/** Put text on the clipboard, and show on the button that it is there. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain HTTP from another machine there is no clipboard but this one.
    if (!copySelected(text)) return toast("The browser does not let this page write to the clipboard.");
  }
  const use = button.querySelector("use");
  const before = use.getAttribute("href");
  use.setAttribute("href", "#i-done");
  announce("Copied");
  setTimeout(() => use.setAttribute("href", before), 1500);
}

function copySelected(text) {
  const focused = document.activeElement;
  const area = el("textarea", { class: "hidden" });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return copied;
}

/** Tell screen readers, and nobody else. */
export function announce(text) {
  $("status").textContent = text;
}

let toastTimer = 0;

/** Tell everybody, for a while. */
export function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($("toast").hidden = true), 6000);
}

/** Hand a file to the user. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
