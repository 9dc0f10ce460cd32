/** The sheet of settings: a field for each, made from the table in `sampling.js`. */

import { $, el, toast } from "./dom.js";
import { cleanSampling, SAMPLING, wrongExtra } from "./sampling.js";

const DEFAULTS = "new-conversations";

/** What new conversations begin with, as the user last chose. */
export function defaultSettings() {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(DEFAULTS)) ?? {};
  } catch {
    localStorage.removeItem(DEFAULTS); // another version's, or damaged
  }
  return {
    system: typeof kept.system === "string" ? kept.system : "",
    sampling: cleanSampling(kept.sampling),
  };
}

export class Settings {
  /** @param onChange takes {system, sampling} when the user is done. */
  constructor(onChange) {
    for (const field of SAMPLING) $(field.more ? "sampling-more" : "sampling").append(fieldOf(field));
    $("settings").addEventListener("close", () => {
      if ($("settings-form").checkValidity()) onChange(this.#read());
      else toast("A setting was not possible; nothing was changed.");
    });
    $("settings").addEventListener("click", (event) => {
      if (event.target === $("settings")) $("settings").close(); // beside the sheet
    });
    $("reset-settings").addEventListener("click", () => this.#write({ system: "", sampling: {} }));
    $("default-settings").addEventListener("click", () => {
      if (!$("settings-form").reportValidity()) return;
      localStorage.setItem(DEFAULTS, JSON.stringify(this.#read()));
      toast("New conversations begin with these settings.");
    });
  }

  open({ system, sampling }) {
    this.#write({ system, sampling });
    $("settings").showModal();
  }

  #write({ system, sampling }) {
    $("set-system").value = system;
    for (const { name, kind } of SAMPLING) {
      const value = sampling[name] ?? "";
      control(name).value = kind === "lines" && value ? value.join("\n") : value;
      control(name).setCustomValidity("");
    }
  }

  #read() {
    const sampling = {};
    for (const { name, kind } of SAMPLING) {
      const text = control(name).value;
      if (text.trim() === "") continue;
      if (kind === "lines") sampling[name] = text.split("\n").filter(Boolean);
      else sampling[name] = kind ? text : Number(text);
    }
    return { system: $("set-system").value, sampling };
  }
}

const control = (name) => $(`set-${name}`);

function fieldOf({ name, label, help, kind, choices, min, max, step }) {
  const attributes = { id: `set-${name}`, "aria-describedby": `help-${name}`, class: "control" };
  let input;
  if (kind === "choice")
    input = el("select", attributes, ...choices.map(([value, text]) => el("option", { value }, text)));
  else if (kind) input = el("textarea", { ...attributes, rows: "2", spellcheck: "false" });
  else
    input = el("input", {
      ...attributes,
      type: "number",
      min,
      max,
      step: step < 1 ? "any" : 1,
      placeholder: "default",
      inputmode: "decimal",
    });
  if (kind === "json")
    input.addEventListener("input", () =>
      input.setCustomValidity(input.value.trim() ? (wrongExtra(input.value) ?? "") : ""),
    );
  if (kind === "lines")
    input.addEventListener("input", () =>
      input.setCustomValidity(input.value.split("\n").filter(Boolean).length > 4 ? "At most four." : ""),
    );
  const wide = kind === "json" || kind === "lines" || kind === "choice" ? "field wide" : "field";
  return el(
    "label",
    { class: wide, for: `set-${name}` },
    el("span", {}, label),
    input,
    el("small", { id: `help-${name}` }, help),
  );
}
