/** The messages of a conversation, kept in step with it, and scrolled along while they grow. */

import { shownPath } from "./conversation.js";
import { $ } from "./dom.js";
import { Turn } from "./turn.js";

/** How far from the end still counts as reading along, in pixels. */
const NEAR = 80;

export class Thread {
  #turns = new Map();
  #actions;
  #follows = true;
  #top = 0;

  constructor(actions) {
    this.#actions = actions;
    $("scroller").addEventListener("scroll", () => this.#onScroll(), { passive: true });
    $("to-end").addEventListener("click", () => this.toEnd());
    // What grows below the fold, such as coloured code, is followed too.
    const observer = new ResizeObserver(() => this.#follow());
    observer.observe($("thread"));
    observer.observe($("scroller"));
  }

  /** Show a conversation; turns that were shown already are kept. */
  show(conversation, running = null) {
    const path = shownPath(conversation);
    const turns = new Map(
      path.map((message) => [message.id, this.#turns.get(message.id) ?? new Turn(message, this.#actions)]),
    );
    for (const [id, turn] of this.#turns) if (!turns.has(id)) turn.element.remove();
    for (const [id, turn] of turns) if (!this.#turns.has(id)) $("thread").append(turn.element);
    this.#turns = turns;
    for (const message of path) this.#update(conversation, message, running, message === path.at(-1));
    $("welcome").hidden = path.length > 0;
  }

  /** Forget what is shown: the next conversation is another one. */
  clear() {
    for (const turn of this.#turns.values()) turn.element.remove();
    this.#turns.clear();
    this.#follows = true;
  }

  /** Show what changed of a message that grows. */
  grow(conversation, running) {
    this.#update(conversation, running.message, running, true);
    this.#follow();
  }

  /** Let the user change the turn that they took last. */
  editLast() {
    [...this.#turns.values()].findLast((turn) => turn.element.classList.contains("user"))?.edit();
  }

  toEnd() {
    this.#follows = true;
    this.#follow();
  }

  #update(conversation, message, running, isLast) {
    this.#turns
      .get(message.id)
      ?.update(conversation, running?.message === message && running.running ? running : null, isLast);
  }

  #follow() {
    if (this.#follows) $("scroller").scrollTop = $("scroller").scrollHeight;
    this.#showButton();
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = $("scroller");
    // Only the user scrolls up; what scrolls down on its own may not have arrived yet.
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.#follows = true;
    else if (scrollTop < this.#top) this.#follows = false;
    this.#top = scrollTop;
    this.#showButton();
  }

  #showButton() {
    $("to-end").hidden = this.#follows;
  }
}
