/** One answer on its way: asked for, put together from its chunks, timed. */

import { ApiError, health, streamChat } from "./api.js";
import { requestMessages } from "./conversation.js";

const PROGRESS_MS = 1500;

export class Generation {
  #controller = new AbortController();
  #asked = performance.now();
  #first = null;
  #opened = false;
  #progressTimer = 0;
  #due = 0;
  #restUntil = 0;

  /**
   * @param message the assistant's, empty so far; it grows here.
   * @param onChange called at most once a frame while it grows, and once at its end.
   */
  constructor(conversation, message, onChange) {
    Object.assign(this, { conversation, message, onChange, progress: "" });
  }

  /** Whether the answer is still on its way. */
  running = true;

  stop() {
    this.#controller.abort();
  }

  /** Run to the end; what goes wrong becomes the message's `error`. Returns that error, or null. */
  async run() {
    this.#progressTimer = setInterval(() => this.#look(), PROGRESS_MS);
    try {
      for await (const chunk of streamChat(this.#fields(), this.#controller.signal, () => (this.#opened = true)))
        this.#take(chunk);
      return null;
    } catch (error) {
      if (this.#controller.signal.aborted) {
        this.message.finish = "stopped";
        return null;
      }
      this.message.error = String(error.message);
      return error instanceof ApiError ? error : new ApiError(error.message);
    } finally {
      clearInterval(this.#progressTimer);
      clearTimeout(this.#due);
      this.running = false;
      this.onChange();
    }
  }

  #fields() {
    const { extra, ...sampling } = this.conversation.sampling;
    const messages = requestMessages(this.conversation, this.message.parent);
    const model = this.conversation.model;
    return { ...(model ? { model } : {}), ...sampling, ...(extra ? JSON.parse(extra) : {}), messages };
  }

  #take(chunk) {
    if (typeof chunk.model === "string") this.message.model = chunk.model;
    if (chunk.overflow?.n_messages) this.message.nLeftOut = chunk.overflow.n_messages;
    if (chunk.usage) this.#count(chunk.usage);
    const choice = chunk.choices?.[0];
    if (choice) takeDelta(this.message, choice);
    if (this.#first === null && (choice?.delta?.content || choice?.delta?.reasoning_content))
      this.#first = performance.now();
    this.#due ||= setTimeout(() => requestAnimationFrame(() => this.#draw()), this.#restUntil - performance.now());
  }

  /** Show what came. Where that takes long, the page has three times as long for everything else. */
  #draw() {
    this.#due = 0;
    if (!this.running) return;
    const begun = performance.now();
    this.onChange();
    const ended = performance.now();
    this.#restUntil = ended + 3 * (ended - begun);
  }

  #count(usage) {
    const now = performance.now();
    const first = this.#first ?? now;
    // A short answer can arrive at once: then the time to it is all that there is to divide by.
    const span = now - first > 50 ? now - first : now - this.#asked;
    this.message.stats = {
      prompt: usage.prompt_tokens,
      completion: usage.completion_tokens,
      cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
      firstMs: Math.round(first - this.#asked),
      perSecond: Math.round((usage.completion_tokens / span) * 10_000) / 10,
    };
  }

  /** What the wait is for, as far as the server tells. */
  async #look() {
    if (this.#first !== null) return;
    const seconds = Math.round((performance.now() - this.#asked) / 1000);
    const busy = await health().catch(() => null);
    const name = this.conversation.model ?? "the model";
    let progress = `Waiting for ${name}; it may have to be loaded first`;
    if (busy?.waiting > 0) progress = `${busy.waiting} requests are waiting for a free slot`;
    else if (this.#opened) progress = `${name} is reading`;
    this.progress = `${progress} (${seconds} s)`;
    if (this.running) this.onChange();
  }
}

/** Add what a chunk's choice brings to a message. Streams of all makers: fields may be missing. */
function takeDelta(message, { delta, finish_reason: finish }) {
  message.text += delta?.content ?? "";
  const thought = delta?.reasoning_content ?? delta?.reasoning;
  if (typeof thought === "string") message.reasoning = (message.reasoning ?? "") + thought;
  for (const part of delta?.tool_calls ?? []) {
    const calls = (message.calls ??= []);
    const call = (calls[Math.min(part.index ?? calls.length, calls.length)] ??= { id: "", name: "", arguments: "" });
    call.id ||= part.id ?? "";
    call.name ||= part.function?.name ?? "";
    call.arguments += part.function?.arguments ?? "";
  }
  if (finish) message.finish = finish;
}
