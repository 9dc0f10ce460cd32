/**
 * Markdown from a model, as elements.
 *
 * Nothing in it is believed. HTML is shown as the text that it is, images are shown as their
 * address, and what marked makes of the rest goes through DOMPurify with a short list of what may
 * stay. The server's policy (CSP, Trusted Types) stands behind that.
 */

import { Marked } from "./vendor/marked/marked.esm.js";
import DOMPurify from "./vendor/dompurify/purify.es.mjs";
import { copy, el, iconButton } from "./dom.js";

/** Longer blocks are shown as plain text: a table of a million cells helps nobody. */
const MAX_BLOCK_CHARS = 100_000;
const MAX_CODE_CHARS = 50_000;

const ALLOWED = {
  ALLOWED_TAGS: [
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "li",
    "ol",
    "p",
    "pre",
    "span",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
  ],
  ALLOWED_ATTR: ["align", "class", "href", "start", "title"],
  ALLOWED_URI_REGEXP: /^https?:\/\//i,
  ADD_URI_SAFE_ATTR: ["align", "start"], // else every attribute has to look like an address
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

DOMPurify.addHook("uponSanitizeAttribute", (_, attribute) => {
  if (attribute.attrName === "class")
    attribute.keepAttr = /^(language-|hljs-)[\w+#. -]{1,60}$/.test(attribute.attrValue);
});

const escape = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text, block }) => (block ? `<p>${escape(text)}</p>` : escape(text)),
    image: ({ href, text }) => `<span>🖼 ${escape(text ? `${text} (${href})` : href)}</span>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** Shows a text that grows: of what is there already, only the last block is made again. */
export class MarkdownView {
  #root;
  #text = "";
  #live = true;
  #blocks = [];

  constructor(root) {
    this.#root = root;
  }

  /** @param live whether more may come; code is coloured once nothing does. */
  update(source, live) {
    const text = source.replace(/\r\n?/g, "\n"); // as marked counts
    if (text === this.#text && live === this.#live) return;
    // While the text only grows, the blocks before the last one are settled.
    const last = live && text.startsWith(this.#text) ? this.#blocks.at(-1) : undefined;
    const start = last?.start ?? 0;
    const blocks = [...(last ? this.#blocks.slice(0, -1) : []), ...blocksOf(text.slice(start), start)];
    // At the end the addresses of all reference links are known.
    const refers = !live && blocks.some(({ token }) => token.type === "def");
    let same = 0;
    while (!refers && same < blocks.length && this.#blocks[same]?.raw === blocks[same].raw) {
      blocks[same].element = this.#blocks[same++].element;
    }
    for (const gone of this.#blocks.slice(same)) gone.element.remove();
    for (const block of blocks.slice(same)) this.#root.append((block.element = rendered(block)));
    this.#blocks = blocks;
    this.#text = text;
    this.#live = live;
    for (const { element } of live ? blocks.slice(0, -1) : blocks) colour(element);
  }
}

function blocksOf(text, start) {
  let tokens;
  try {
    tokens = marked.lexer(text);
  } catch {
    tokens = [];
  }
  // Nested so deeply that the parser gave up, or read in a way that lost its place: as it is.
  if (tokens.map(({ raw }) => raw).join("") !== text) tokens = [{ type: "plain", raw: text }];
  const blocks = [];
  for (const token of tokens) {
    if (token.type !== "space") blocks.push({ token, raw: token.raw, start });
    start += token.raw.length;
  }
  return blocks;
}

function rendered({ token, raw }) {
  const element = el("div", { class: "block" });
  try {
    if (token.type === "plain" || raw.length > MAX_BLOCK_CHARS) throw new RangeError("too large to lay out");
    element.append(DOMPurify.sanitize(marked.parser([token]), ALLOWED));
    element.querySelectorAll("a").forEach(tieUp);
    element.querySelectorAll("pre").forEach(frame);
    element.querySelectorAll("table").forEach((table) => {
      const scroller = el("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Table" });
      table.replaceWith(scroller);
      scroller.append(table);
    });
  } catch {
    element.replaceChildren(el("div", { class: "plain" }, raw));
  }
  return element;
}

/** A link opens elsewhere, tells nothing of this page, and shows where it goes. */
function tieUp(link) {
  if (!link.host) return link.replaceWith(...link.childNodes);
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.title = link.href;
  if (!link.textContent.includes(link.host)) link.after(el("span", { class: "host" }, ` ${link.host}`));
}

/** Give a code block its head: the language, and a button that copies it. */
function frame(pre) {
  const code = pre.querySelector("code");
  const language = code?.className.replace("language-", "") ?? "";
  const button = iconButton("copy", "Copy code", () => copy(pre.textContent, button));
  const box = el("div", { class: "code" }, el("div", { class: "code-head" }, el("span", {}, language), button));
  pre.replaceWith(box);
  pre.tabIndex = 0;
  box.append(pre);
}

/** Colour the code in a block, once. The library is fetched when the first code is there. */
async function colour(block) {
  for (const code of block.querySelectorAll("pre > code[class^=language-]:not([data-coloured])")) {
    code.dataset.coloured = "";
    if (code.textContent.length > MAX_CODE_CHARS) continue;
    const { default: hljs } = await import("./vendor/highlight/highlight.min.js");
    const language = code.className.replace("language-", "");
    if (!hljs.getLanguage(language)) continue;
    const { value } = hljs.highlight(code.textContent, { language, ignoreIllegals: true });
    code.replaceChildren(DOMPurify.sanitize(value, ALLOWED));
  }
}
