/** Keys that work anywhere on the page. */

/** What the list of shortcuts shows. */
export const SHORTCUTS = [
  { keys: ["Enter"], does: "Send" },
  { keys: ["Shift", "Enter"], does: "New line" },
  { keys: ["Esc"], does: "Stop the answer" },
  { keys: ["↑"], does: "Edit your last message (in the empty field)" },
  { keys: ["Alt", "R"], does: "Answer again" },
  { keys: ["Ctrl", "Shift", "O"], does: "New conversation" },
  { keys: ["Ctrl", "K"], does: "Search conversations" },
  { keys: ["Ctrl", "B"], does: "Show or hide the list" },
  { keys: ["Ctrl", ","], does: "Settings" },
  { keys: ["/"], does: "Write" },
  { keys: ["F2"], does: "Rename a conversation (in the list)" },
  { keys: ["Delete"], does: "Delete a conversation (in the list)" },
  { keys: ["?"], does: "This list" },
];

/** Call the action of each shortcut: stop, start, search, settings, sidebar, write, keys, again. */
export function listenForKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    const name = nameOf(event);
    if (!name) return;
    event.preventDefault();
    actions[name]();
  });
}

function nameOf({ key, ctrlKey, metaKey, shiftKey, altKey, code, target }) {
  const pressed = key.toLowerCase();
  if (key === "Escape") return target.matches("[type=search]") ? null : "stop"; // which it empties
  if (altKey) return code === "KeyR" && !ctrlKey ? "again" : null;
  if (ctrlKey || metaKey) {
    if (shiftKey) return pressed === "o" ? "start" : null;
    return { k: "search", b: "sidebar", ",": "settings" }[pressed] ?? null;
  }
  if (target.matches("input, textarea, select")) return null;
  return { "/": "write", "?": "keys" }[key] ?? null;
}
