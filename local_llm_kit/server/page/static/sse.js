/** Server-sent events, however the network cuts them. https://html.spec.whatwg.org/#parsing-an-event-stream */

const MAX_EVENT_CHARS = 16 << 20;

/** Takes text in pieces of any size, gives the data of the events that are complete. */
export class EventParser {
  #line = "";
  #data = [];
  #size = 0;
  #afterReturn = false;

  /** The data of the events that `text` completes. */
  push(text) {
    // A line may end with CR LF, and the network may cut between the two.
    if (this.#afterReturn && text.startsWith("\n")) text = text.slice(1);
    if (text) this.#afterReturn = text.endsWith("\r");
    const lines = (this.#line + text).split(/\r\n|\n|\r/);
    this.#line = lines.pop();
    const events = [];
    for (const line of lines) this.#take(line, events);
    if (this.#size + this.#line.length > MAX_EVENT_CHARS) throw new Error("an event of the stream is too large");
    return events;
  }

  #take(line, events) {
    if (line === "") {
      if (this.#data.length) events.push(this.#data.join("\n"));
      this.#data = [];
      this.#size = 0;
    } else if (line === "data" || line.startsWith("data:")) {
      const value = line.slice(5);
      this.#data.push(value.startsWith(" ") ? value.slice(1) : value);
      this.#size += value.length;
    } // comments, ids and names of events carry nothing here
  }
}

/** The data of each event of a byte stream. Ends with it; what is incomplete by then is dropped. */
export async function* eventsOf(stream) {
  const parser = new EventParser();
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    await reader.cancel().catch(() => {}); // a stream that failed has nothing left to cancel
  }
}
