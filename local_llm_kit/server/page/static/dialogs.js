/** The small questions that the page asks. */

import { apiKey } from "./api.js";
import { $, el } from "./dom.js";
import { SHORTCUTS } from "./keyboard.js";

// No submit buttons: Enter in a field presses the first one of those.
for (const button of document.querySelectorAll("dialog [data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close(""));
}

/**
 * Ask for the API key, and keep it where the user wants it.
 * @returns whether there is a new one.
 */
export async function askForKey() {
  $("api-key-reason").textContent = apiKey.get()
    ? "The server does not take that key."
    : "The server asks for a key. Whoever runs it can tell it.";
  apiKey.forget(); // what was refused is worth nothing
  $("api-key-value").value = "";
  if ((await answerTo($("api-key"))) !== "use") return false;
  apiKey.set($("api-key-value").value.trim(), $("api-key-keep").checked);
  $("api-key-value").value = "";
  return true;
}

/** "json", "markdown", or anything else for neither. */
export function askHowToExport() {
  return answerTo($("export-dialog"));
}

/** Tell which keys do what. */
export function showKeys() {
  const rows = SHORTCUTS.map(({ keys, does }) =>
    el("div", {}, el("dt", {}, ...keys.map((key) => el("kbd", {}, key))), el("dd", {}, does)),
  );
  $("key-list").replaceChildren(...rows);
  $("keys").showModal();
}

/** The value of the button that closed a dialog; "" after Esc. */
function answerTo(dialog) {
  if (dialog.open) return Promise.resolve("");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}
