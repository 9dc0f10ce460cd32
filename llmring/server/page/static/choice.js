/** What is looked at: which days, which calls, and what of them. */

import { $, el } from "./dom.js";
import { bounds, keyOf, LAST_DAY, numberOf, today } from "./days.js";
import { named } from "./tables.js";

const NAMES = { model: "Model", origin: "Origin", alias: "Alias" };

export class Choice {
  /** @param changed called when something else is to be looked at; true where the numbers stay. */
  constructor(changed) {
    this.changed = changed;
    this.filters = new Map();
    this.hasMeasure = false;
    $("span").addEventListener("change", () => this.onSpan());
    $("measure").addEventListener("change", () => {
      this.hasMeasure = true;
      changed(true);
    });
    for (const id of ["from", "to"]) {
      $(id).max = keyOf(LAST_DAY);
      $(id).addEventListener("change", () => this.onDates());
    }
  }

  get span() {
    return document.querySelector("#span :checked").value;
  }

  /** `cost`, `tokens` or `calls`. */
  get measure() {
    return document.querySelector("#measure :checked").value;
  }

  /** Show tokens where nothing costs anything, unless the user has said what to show. */
  settleMeasure(summary) {
    if (this.hasMeasure) return;
    const fits = summary.cost > 0 || !summary.calls ? "cost" : "tokens";
    document.querySelector(`#measure [value=${fits}]`).checked = true;
  }

  /** The first and the last day; null where the calls themselves say. */
  get days() {
    if (this.span === "all") return [null, null];
    if (this.span !== "dates") return [today() - Number(this.span) + 1, today()];
    return ["from", "to"].map((id) => ($(id).value ? numberOf($(id).value) : null));
  }

  /** As a request has it. */
  get query() {
    const found = bounds(...this.days);
    for (const [name, value] of this.filters) {
      if (name !== "model") found[name] = value;
      else [found.provider, found.model] = cut(value);
    }
    return found;
  }

  get isNarrowed() {
    return this.filters.size > 0 || this.span !== "all";
  }

  /** Whether a value is the one that is looked at. */
  has(name, value) {
    return this.filters.get(name) === value;
  }

  /** Look at the calls of one value alone, or again at all. */
  toggle(name, value) {
    if (this.has(name, value)) this.filters.delete(name);
    else this.filters.set(name, value);
    this.showFilters();
    this.changed();
  }

  /** Look at some days alone. */
  only(from, to) {
    [$("from").value, $("to").value] = [keyOf(from), keyOf(to)];
    document.querySelector("#span [value=dates]").checked = true;
    $("dates").hidden = false;
    this.onDates();
  }

  /** Look at everything. */
  clear() {
    this.filters.clear();
    this.showFilters();
    document.querySelector("#span [value=all]").checked = true;
    this.onSpan();
  }

  onSpan() {
    const isDates = this.span === "dates";
    if (isDates && !$("from").value && !$("to").value) {
      [$("from").value, $("to").value] = [keyOf(today() - 29), keyOf(today())];
    }
    $("dates").hidden = !isDates;
    if (isDates) $("from").focus();
    this.onDates();
  }

  onDates() {
    const [first, last] = this.days;
    const isWrong = this.span === "dates" && first !== null && last !== null && first > last;
    $("dates-wrong").hidden = !isWrong;
    for (const id of ["from", "to"]) $(id).ariaInvalid = String(isWrong);
    if (!isWrong) this.changed();
  }

  showFilters() {
    const chips = [...this.filters].map(([name, value]) =>
      el(
        "button",
        { type: "button", class: "chip", on: { click: () => this.toggle(name, value) } },
        `${NAMES[name]}: `,
        named(value),
        el("span", { class: "hidden" }, " (show all again)"),
        el("span", { "aria-hidden": "true" }, "✕"),
      ),
    );
    const hadFocus = $("filters").contains(document.activeElement);
    $("filters").replaceChildren(...chips);
    $("filters").hidden = !chips.length;
    // The button that was pressed is gone.
    if (hadFocus) $("title").focus();
  }
}

/** `provider:model` in two; a model's own name may have colons, too. */
function cut(key) {
  const at = key.indexOf(":");
  return [key.slice(0, at), key.slice(at + 1)];
}
