/** The same as the plots, in words and digits; and the last calls. */

import { el } from "./dom.js";
import { exact, money } from "./totals.js";

const MAX_TITLE_CHARS = 1000;

/** A name that others chose: shown apart, so that its marks of direction turn nothing else around. */
export function named(text) {
  return el("bdi", { class: "name", title: text.slice(0, MAX_TITLE_CHARS) }, text);
}

const number = (value) => el("td", { class: "number" }, value);
const text = (value) => el("td", {}, value ? named(value) : el("span", { class: "none" }, "–"));

/**
 * Fill the table of a plot.
 * @param marks as the plot has them.
 */
export function fillTotals(table, marks) {
  const rows = marks.map(({ name, totals, pick, isPicked }) => {
    const shown = pick
      ? el("button", { type: "button", class: "pick", "aria-pressed": String(Boolean(isPicked)), on: { click: pick } }, named(name))
      : named(name);
    return el(
      "tr",
      isPicked ? { class: "picked" } : {},
      el("th", { scope: "row" }, shown),
      number(money(totals.cost)),
      number(exact(totals.calls)),
      number(exact(totals.input_tokens)),
      number(exact(totals.cached_input_tokens)),
      number(exact(totals.output_tokens)),
      number(totals.unpriced ? exact(totals.unpriced) : ""),
    );
  });
  table.tBodies[0].replaceChildren(...rows);
}

/** Add rows to the table of calls. */
export function addCalls(table, calls) {
  const rows = calls.map((call) => {
    const when = String(call.timestamp);
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("time", { datetime: when }, when.slice(0, 19).replace("T", " "))),
      text(`${call.provider}:${call.model}`),
      text(call.alias),
      text(call.origin),
      number(exact(call.input_tokens)),
      number(exact(call.output_tokens)),
      number(call.cost === null ? el("span", { class: "none" }, "not known") : money(call.cost)),
    );
  });
  table.tBodies[0].append(...rows);
}
