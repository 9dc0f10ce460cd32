/**
 * A conversation: a tree of messages, of which one path is shown.
 *
 * Editing a turn and asking again add a sibling and take nothing away. Each message names its
 * parent, and the conversation names the leaf at which the path that is shown ends.
 *
 * message: {id, parent, role, text, images?, reasoning?, calls?, callId?, model?, finish?, stats?, error?, nLeftOut?}
 */

const TITLE_CHARS = 60;

/** An empty conversation with these settings. */
export function newConversation({ model = null, system = "", sampling = {} } = {}) {
  const now = Date.now();
  return {
    id: randomId(),
    title: "",
    created: now,
    updated: now,
    model,
    system,
    sampling,
    leaf: null,
    messages: [],
  };
}

/** Add a message after `parent`, the shown leaf unless told otherwise, and show it. */
export function addMessage(conversation, fields, parent = conversation.leaf) {
  const message = { id: randomId(), parent, text: "", ...fields };
  conversation.messages.push(message);
  conversation.leaf = message.id;
  conversation.updated = Date.now();
  if (!conversation.title && message.role === "user") conversation.title = titleOf(message.text);
  return message;
}

/** The messages that are shown, first to last. */
export function shownPath(conversation) {
  const byId = new Map(conversation.messages.map((message) => [message.id, message]));
  const path = [];
  for (let at = byId.get(conversation.leaf); at; at = byId.get(at.parent)) path.push(at);
  return path.reverse();
}

/** The versions of a turn, oldest first, itself among them. */
export function versionsOf(conversation, message) {
  return conversation.messages.filter((other) => other.parent === message.parent);
}

/** Show a message, and below it what was said last. */
export function showVersion(conversation, message) {
  let leaf = message;
  for (;;) {
    const next = conversation.messages.findLast((other) => other.parent === leaf.id);
    if (!next) break;
    leaf = next;
  }
  conversation.leaf = leaf.id;
}

/** The messages up to and with `leaf`, as the API takes them. */
export function requestMessages(conversation, leaf) {
  const messages = conversation.system.trim() ? [{ role: "system", content: conversation.system }] : [];
  for (const message of shownPath({ ...conversation, leaf })) {
    if (message.role === "user") messages.push({ role: "user", content: userContent(message) });
    else if (message.role === "tool")
      messages.push({ role: "tool", tool_call_id: message.callId, content: message.text });
    else if (message.calls?.length)
      messages.push({
        role: "assistant",
        content: message.text || null,
        tool_calls: message.calls.map(apiCall),
      });
    else if (message.text) messages.push({ role: "assistant", content: message.text });
  }
  return messages;
}

/** A title: the first line of a text, cut at a word. */
export function titleOf(text) {
  const line = text.trim().split("\n", 1)[0];
  if (line.length <= TITLE_CHARS) return line || "Untitled";
  const cut = line.slice(0, TITLE_CHARS);
  return `${cut.slice(0, cut.lastIndexOf(" ") > 20 ? cut.lastIndexOf(" ") : TITLE_CHARS)}…`;
}

function userContent({ text, images }) {
  if (!images?.length) return text;
  const parts = images.map((url) => ({ type: "image_url", image_url: { url } }));
  return text ? [...parts, { type: "text", text }] : parts;
}

function apiCall({ id, name, arguments: written }) {
  return { id, type: "function", function: { name, arguments: written } };
}

/** Unlike `crypto.randomUUID`, also there when the page comes over plain HTTP from another machine. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
