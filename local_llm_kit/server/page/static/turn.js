/** One message on the page. */

import { versionsOf } from "./conversation.js";
import { copy, el, icon, iconButton } from "./dom.js";
import { MarkdownView } from "./markdown.js";

const ENDS = {
  length: "The answer stopped at the longest length allowed.",
  stopped: "Stopped.",
  content_filter: "The answer was withheld by a filter.",
};

/**
 * Shows a message and what can be done with it.
 * @param actions functions of a message: regenerate, edit(message, text), show, retry, answerCalls.
 */
export class Turn {
  #message;
  #actions;
  #body = el("div", { class: "turn-body" });
  #text = el("div", { class: "markdown" });
  #markdown = new MarkdownView(this.#text);
  #thought = null;
  #calls = el("div", { class: "calls" });
  #note = el("div", { class: "turn-note" });
  #tools = el("div", { class: "turn-tools" });

  constructor(message, actions) {
    this.#message = message;
    this.#actions = actions;
    const who = { user: "You", tool: "Tool" }[message.role] ?? "Assistant";
    this.element = el(
      "article",
      { class: `turn ${message.role}`, "aria-label": who, "data-id": message.id },
      this.#body,
      this.#tools,
    );
    this.#body.append(
      ...(message.images ?? []).map((url) => el("img", { class: "turn-image", src: url, alt: "Image" })),
    );
    this.#body.append(this.#text, this.#calls, this.#note);
  }

  /** Show the message as it is now. `running` is its generation, while there is one. */
  update(conversation, running = null, isLast = false) {
    const { role, text, reasoning, calls } = this.#message;
    this.element.setAttribute("aria-busy", String(running !== null));
    this.element.classList.toggle("last", isLast);
    if (role === "assistant") this.#markdown.update(text, running !== null);
    else this.#text.textContent = text;
    if (reasoning) this.#showThought(reasoning, running !== null && !text);
    if (calls?.length) this.#showCalls(calls, isLast && running === null);
    this.#showNote(running);
    const failed = this.#message.error && !text; // which offers to try again
    this.#tools.replaceChildren(...(running || failed ? [] : this.#buttons(conversation)));
  }

  #showThought(reasoning, thinking) {
    this.#thought ??= el("details", { class: "thought" }, el("summary"), el("div", { class: "thought-text" }));
    this.#thought.firstChild.textContent = thinking ? "Thinking…" : "Thoughts";
    this.#thought.lastChild.textContent = reasoning;
    if (!this.#thought.parentNode) this.#text.before(this.#thought);
  }

  #showCalls(calls, answerable) {
    // What is being typed into a result is not to be replaced.
    if (this.#calls.querySelector("textarea") && answerable) return;
    this.#calls.replaceChildren(...calls.map((call) => callCard(call, answerable)));
    if (!answerable) return;
    const send = () =>
      this.#actions.answerCalls(
        this.#message,
        [...this.#calls.querySelectorAll("textarea")].map((area) => area.value),
      );
    this.#calls.append(el("button", { type: "button", class: "main-button", on: { click: send } }, "Send the results"));
  }

  #showNote(running) {
    const { role, text, reasoning, error, finish, calls, nLeftOut } = this.#message;
    const parts = [];
    if (nLeftOut) parts.push(el("span", {}, `The window was full: ${nLeftOut} older messages were left out.`));
    if (running && !text && !reasoning && !calls?.length) {
      parts.push(
        el("span", { class: "dots", role: "img", "aria-label": "Waiting" }, el("i"), el("i"), el("i")),
        el("span", {}, running.progress),
      );
    }
    if (error) {
      const retry = () => this.#actions.retry(this.#message);
      parts.push(
        el(
          "div",
          { class: "error", role: "alert" },
          el("span", {}, error),
          el("button", { type: "button", class: "quiet-button", on: { click: retry } }, icon("redo"), " Try again"),
        ),
      );
    } else if (!running && ENDS[finish]) parts.push(el("span", {}, ENDS[finish]));
    else if (!running && role === "assistant" && !text && !calls?.length)
      parts.push(el("span", {}, "The model said nothing."));
    this.#note.replaceChildren(...parts);
  }

  #buttons(conversation) {
    const message = this.#message;
    const copyButton = iconButton("copy", "Copy message", () => copy(message.text, copyButton));
    const buttons = [...this.#versions(conversation), copyButton];
    if (message.role === "user") buttons.push(iconButton("edit", "Edit", () => this.edit()));
    if (message.role === "assistant")
      buttons.push(iconButton("redo", "Answer again", () => this.#actions.regenerate(message)));
    if (message.stats) buttons.push(statsLine(message));
    return buttons;
  }

  #versions(conversation) {
    const versions = versionsOf(conversation, this.#message);
    if (versions.length < 2) return [];
    const at = versions.indexOf(this.#message);
    const step = (name, label, other) => {
      const button = iconButton(name, label, () => this.#actions.show(other));
      button.disabled = !other;
      return button;
    };
    const place = el(
      "span",
      { class: "versions", "aria-label": `Version ${at + 1} of ${versions.length}` },
      `${at + 1}/${versions.length}`,
    );
    return [step("back", "Version before", versions[at - 1]), place, step("next", "Next version", versions[at + 1])];
  }

  /** Let the user change what was said; the old version stays. */
  edit() {
    if (this.element.querySelector(".editor")) return;
    const area = el("textarea", { class: "editor-text", "aria-label": "Edit the message", rows: "3" });
    area.value = this.#message.text;
    const close = () => {
      editor.remove();
      this.#body.hidden = this.#tools.hidden = false;
    };
    const send = () => {
      if (!area.value.trim() && !this.#message.images?.length) return;
      close();
      this.#actions.edit(this.#message, area.value);
    };
    const onKey = (event) => {
      if (event.key === "Escape") close();
      else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    area.addEventListener("keydown", onKey);
    const editor = el(
      "div",
      { class: "editor" },
      area,
      el(
        "div",
        { class: "editor-row" },
        el("button", { type: "button", class: "quiet-button", on: { click: close } }, "Cancel"),
        el("button", { type: "button", class: "main-button", on: { click: send } }, "Send"),
      ),
    );
    this.#body.hidden = this.#tools.hidden = true;
    this.element.append(editor);
    area.focus();
  }
}

function callCard(call, answerable) {
  const card = el(
    "details",
    { class: "call", open: true },
    el("summary", {}, "Calls ", el("code", {}, call.name || "a tool")),
    el("pre", { tabindex: "0" }, prettyJson(call.arguments)),
  );
  if (answerable)
    card.append(el("label", { class: "field" }, el("span", {}, "Its result"), el("textarea", { rows: "2" })));
  return card;
}

function prettyJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // still on its way, or not JSON: as the model wrote it
  }
}

function statsLine({ model, stats }) {
  const cached = stats.cached ? `, ${stats.cached} of them cached` : "";
  const speed = stats.perSecond < 100 ? stats.perSecond : Math.round(stats.perSecond).toLocaleString("en");
  const title = `${stats.prompt} tokens read${cached}; ${stats.completion} written; the first after ${stats.firstMs} ms`;
  return el("span", { class: "stats", title }, `${model ?? ""} · ${stats.completion} tokens · ${speed} tokens/s`);
}
