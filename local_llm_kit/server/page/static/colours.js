/** Light, dark, or what the system says; theme.js applies it before the first paint. */

import { $, announce } from "./dom.js";

/** Change to the other; the button has the id `theme`. */
export function nextTheme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const shown = root.dataset.theme ?? (dark ? "dark" : "light");
  root.dataset.theme = shown === "dark" ? "light" : "dark";
  // Back at what the system says, follow it again.
  if (root.dataset.theme === (dark ? "dark" : "light")) delete root.dataset.theme;
  if (root.dataset.theme) localStorage.setItem("theme", root.dataset.theme);
  else localStorage.removeItem("theme");
  $("theme").title = root.dataset.theme ? `Colours: ${root.dataset.theme}` : "Colours: as the system";
  announce($("theme").title);
}
