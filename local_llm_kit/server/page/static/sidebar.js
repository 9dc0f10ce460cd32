/** The list of conversations: found, opened, renamed, deleted. A drawer on a narrow screen. */

import { $, el, iconButton } from "./dom.js";
import { search } from "./store.js";

const DAY_MS = 86_400_000;
const narrow = matchMedia("(max-width: 760px)");

export class Sidebar {
  #heads = [];
  #current = null;
  #found = null;
  #searchTimer = 0;
  #actions;

  /** @param actions functions: open(id), rename(id, title), remove(head). */
  constructor(actions) {
    this.#actions = actions;
    $("search").addEventListener("input", () => {
      clearTimeout(this.#searchTimer);
      this.#searchTimer = setTimeout(() => this.#search(), 120);
    });
    $("toggle-sidebar").addEventListener("click", () => this.toggle());
    $("close-sidebar").addEventListener("click", () => this.toggle(false));
    $("backdrop").addEventListener("click", () => this.toggle(false));
    $("sidebar").addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !narrow.matches) return;
      event.stopPropagation();
      this.toggle(false);
    });
    narrow.addEventListener("change", () => this.toggle(!narrow.matches));
    this.toggle(!narrow.matches);
  }

  /** Show these conversations, one of them as the current. */
  show(heads, current) {
    this.#heads = heads;
    this.#current = current;
    this.#draw();
  }

  /** Open or close the list; what is closed can neither be seen nor reached by keys. */
  toggle(open = !document.body.classList.contains("with-sidebar")) {
    document.body.classList.toggle("with-sidebar", open);
    $("sidebar").inert = !open;
    $("backdrop").hidden = !open || !narrow.matches;
    $("toggle-sidebar").setAttribute("aria-expanded", String(open));
    document.querySelector(".main").inert = open && narrow.matches;
    if (open && narrow.matches) $("close-sidebar").focus();
    else if ($("sidebar").contains(document.activeElement) || document.activeElement === document.body)
      $("toggle-sidebar").focus();
  }

  /** Close it where it covers the conversation. */
  closeDrawer() {
    if (narrow.matches) this.toggle(false);
  }

  focusSearch() {
    this.toggle(true);
    $("search").select();
  }

  async #search() {
    const text = $("search").value.trim();
    const found = text ? await search(text) : null;
    if (text !== $("search").value.trim()) return; // the user typed on meanwhile
    this.#found = found;
    this.#draw();
  }

  #draw() {
    if ($("conversations").querySelector(".rename")) return; // drawn once the new title is there
    const focused = document.activeElement.closest("#conversations li")?.dataset.id;
    const shown = this.#found ? this.#heads.filter(({ id }) => this.#found.has(id)) : this.#heads;
    const items = [];
    let period = "";
    for (const head of shown) {
      if (periodOf(head.updated) !== period)
        items.push(el("li", { class: "period" }, (period = periodOf(head.updated))));
      items.push(this.#item(head));
    }
    $("conversations").replaceChildren(...items);
    items.find(({ dataset }) => focused && dataset.id === focused)?.firstChild.focus();
    $("none-found").hidden = shown.length > 0;
    $("none-found").textContent = this.#found
      ? "No conversation has these words."
      : "Conversations are kept in this browser only.";
  }

  #item(head) {
    const current = head.id === this.#current;
    const open = el(
      "button",
      {
        class: "conversation",
        "aria-current": current ? "true" : undefined,
        title: head.title,
        on: { click: () => this.#actions.open(head.id) },
      },
      head.title,
    );
    const item = el(
      "li",
      { class: current ? "current" : "", "data-id": head.id },
      open,
      iconButton("edit", `Rename “${head.title}”`, () => this.#rename(head, item)),
      iconButton("trash", `Delete “${head.title}”`, () => this.#actions.remove(head)),
    );
    open.addEventListener("keydown", (event) => {
      if (event.key === "F2") this.#rename(head, item);
      else if (event.key === "Delete") this.#actions.remove(head);
    });
    return item;
  }

  #rename(head, item) {
    const field = el("input", { class: "rename", "aria-label": "New title", maxlength: "120" });
    field.value = head.title;
    let ended = false;
    const end = (keep) => {
      if (ended) return; // taking the field away makes it lose the focus once more
      ended = true;
      field.remove();
      if (keep && field.value.trim() && field.value.trim() !== head.title)
        this.#actions.rename(head.id, field.value.trim());
      else this.#draw();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") end(true);
      else if (event.key === "Escape") end(false);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    field.addEventListener("blur", () => end(true));
    item.replaceChildren(field);
    field.select();
  }
}

function periodOf(time) {
  const today = new Date().setHours(0, 0, 0, 0);
  if (time >= today) return "Today";
  if (time >= today - DAY_MS) return "Yesterday";
  if (time >= today - 7 * DAY_MS) return "Last seven days";
  return new Date(time).toLocaleDateString("en", { month: "long", year: "numeric" });
}
