/** Asking for the API key. */

import { apiKey, needsFirstKey } from "./api.js";
import { $ } from "./dom.js";

const NO_HEADER = /[^\x21-\x7e]/;

$("key-cancel").addEventListener("click", () => $("key-dialog").close(""));
$("key-value").addEventListener("input", () => $("key-value").setCustomValidity(""));
$("key-form").addEventListener("submit", (event) => {
  const key = $("key-value").value.trim();
  const wrong = !key || NO_HEADER.test(key) ? "A key is visible ASCII characters, without spaces." : "";
  $("key-value").setCustomValidity(wrong);
  if (wrong) {
    event.preventDefault();
    $("key-value").reportValidity();
  }
});

/**
 * Ask for the key. What there was is forgotten.
 * @param reason why another one is needed; "" where there was none.
 * @returns whether there is a new one.
 */
export async function askForKey(reason) {
  const dialog = $("key-dialog");
  if (dialog.open) return false;
  apiKey.forget();
  const isFirst = !reason && (await needsFirstKey());
  if (dialog.open) return false;
  $("key-reason").textContent = reason || "A tenant’s key, as llmring server init and key create make them.";
  $("key-reason").classList.toggle("wrong", Boolean(reason));
  $("key-first").hidden = !isFirst;
  $("key-value").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  const key = $("key-value").value.trim();
  $("key-value").value = "";
  if (dialog.returnValue !== "use" || !key) return false;
  apiKey.set(key);
  return true;
}
