/** Conversations as files: JSON that can be read again, Markdown to read. */

import { newConversation, shownPath, titleOf } from "./conversation.js";
import { cleanSampling } from "./sampling.js";

const FORMAT = "local-llm-kit.conversations";
const MAX_CONVERSATIONS = 10_000;
const MAX_MESSAGES = 100_000;
const IMAGE = /^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]+$/;

/** The JSON of some conversations. */
export function toJson(conversations) {
  return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 2);
}

/** The messages that a conversation shows, for reading. */
export function toMarkdown(conversation) {
  const parts = [`# ${conversation.title}`];
  if (conversation.system) parts.push("## System", conversation.system);
  for (const message of shownPath(conversation)) {
    const who = { user: "You", tool: "Tool" }[message.role] ?? message.model ?? "Assistant";
    parts.push(`## ${who}`);
    if (message.images?.length) parts.push(`*${message.images.length} image(s), which only the JSON export has*`);
    for (const call of message.calls ?? []) parts.push(`*calls* \`${call.name}(${call.arguments})\``);
    if (message.text) parts.push(message.text);
  }
  return `${parts.join("\n\n")}\n`;
}

/**
 * The conversations in a file that `toJson` made. The file may come from anywhere: nothing but what
 * a conversation consists of is taken from it.
 * @throws {Error} it is no such file; the message is for the user.
 */
export function fromJson(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error("The file is not JSON. Choose one that “Export” made.");
  }
  if (data?.format !== FORMAT || !Array.isArray(data.conversations))
    throw new Error("The file is JSON, but holds no conversations of this page.");
  if (data.version !== 1) throw new Error("The file was made by a newer version of this page.");
  if (data.conversations.length > MAX_CONVERSATIONS) throw new Error("The file holds too many conversations.");
  return data.conversations.map(readConversation);
}

function readConversation(data, index) {
  const where = `Conversation ${index + 1}`;
  if (!Array.isArray(data?.messages) || data.messages.length > MAX_MESSAGES)
    throw new Error(`${where} has no messages, or too many.`);
  const messages = data.messages.map((message, i) => readMessage(message, `${where}, message ${i + 1}`));
  // A parent comes before its children, so that the tree has no circles.
  const known = new Set([null]);
  for (const message of messages) {
    if (known.has(message.id) || !known.has(message.parent))
      throw new Error(`${where} is damaged: its messages do not fit together.`);
    known.add(message.id);
  }
  const base = newConversation({
    model: textOr(data.model, null),
    system: textOr(data.system, ""),
    sampling: cleanSampling(data.sampling),
  });
  return {
    ...base,
    title: titleOf(textOr(data.title, "")),
    created: timeOr(data.created, base.created),
    updated: timeOr(data.updated, base.updated),
    leaf: known.has(data.leaf) ? data.leaf : (messages.at(-1)?.id ?? null),
    messages,
  };
}

function readMessage(data, where) {
  if (
    !["user", "assistant", "tool"].includes(data?.role) ||
    typeof data.text !== "string" ||
    typeof data.id !== "string"
  )
    throw new Error(`${where} has no role, no text or no id.`);
  const message = { id: data.id, parent: textOr(data.parent, null), role: data.role, text: data.text };
  for (const name of ["reasoning", "callId", "model", "finish", "error"])
    if (typeof data[name] === "string") message[name] = data[name];
  if (Number.isSafeInteger(data.nLeftOut)) message.nLeftOut = data.nLeftOut;
  if (Array.isArray(data.images))
    message.images = data.images.filter((url) => typeof url === "string" && IMAGE.test(url));
  if (Array.isArray(data.calls))
    message.calls = data.calls.map((call) => ({
      id: textOr(call?.id, ""),
      name: textOr(call?.name, ""),
      arguments: textOr(call?.arguments, ""),
    }));
  if (typeof data.stats === "object" && data.stats)
    message.stats = Object.fromEntries(
      ["prompt", "completion", "cached", "firstMs", "perSecond"].map((name) => [name, Number(data.stats[name]) || 0]),
    );
  return message;
}

const textOr = (value, other) => (typeof value === "string" ? value : other);
const timeOr = (value, other) => (Number.isSafeInteger(value) ? value : other);
