/** The page: brings the list, the conversation, the field and the server together. */

import { listModels } from "./api.js";
import { nextTheme } from "./colours.js";
import { Composer } from "./composer.js";
import { addMessage, newConversation, shownPath, showVersion } from "./conversation.js";
import { $, announce, download, el, toast } from "./dom.js";
import { askForKey, askHowToExport, showKeys } from "./dialogs.js";
import { fromJson, toJson, toMarkdown } from "./exchange.js";
import { Generation } from "./generation.js";
import { listenForKeys } from "./keyboard.js";
import { defaultSettings, Settings } from "./settings.js";
import { Sidebar } from "./sidebar.js";
import * as store from "./store.js";
import { Thread } from "./thread.js";

/** How often an answer that grows is written down, so that closing the page loses little of it. */
const SAVE_MS = 1000;
const MAX_IMPORT_BYTES = 200 << 20;
const SUGGESTIONS = ["What can you do?", "Tell me a story.", "What is the capital of France?"];

let conversation = newConversation(defaultSettings());
let models = [];
/** Answers on their way, by the id of their conversation: they go on while another one is shown. */
const running = new Map();
/** Conversations that were deleted: one that was being answered is not written again. */
const gone = new Set();

const thread = new Thread({
  regenerate: (message) => answer(message.parent),
  retry: (message) => replace(message),
  show: (message) => {
    showVersion(conversation, message);
    keep(conversation);
    draw();
  },
  edit: (message, text) => {
    if (running.has(conversation.id)) return;
    const { images } = message;
    answer(addMessage(conversation, { role: "user", text, ...(images ? { images } : {}) }, message.parent).id);
  },
  answerCalls: (message, results) => {
    message.calls.forEach((call, i) =>
      addMessage(conversation, { role: "tool", callId: call.id, text: results[i] ?? "" }),
    );
    answer(conversation.leaf);
  },
});
const composer = new Composer({
  onSend: (said) => answer(addMessage(conversation, { role: "user", ...said }).id),
  onStop: stop,
  onEditLast: () => thread.editLast(),
});
const sidebar = new Sidebar({ open: openConversation, rename, remove });
const settings = new Settings(({ system, sampling }) => {
  Object.assign(conversation, { system, sampling });
  if (conversation.messages.length) keep(conversation);
});

/** Have the model answer the message `parent`. */
async function answer(parent) {
  const asked = conversation;
  if (running.has(asked.id)) return;
  const message = addMessage(asked, { role: "assistant", model: asked.model ?? undefined }, parent);
  const generation = new Generation(asked, message, () => asked === conversation && thread.grow(asked, generation));
  running.set(asked.id, generation);
  await keep(asked);
  draw();
  thread.toEnd();
  announce("The model is answering");
  const saving = setInterval(() => !gone.has(asked.id) && store.save(asked).catch(() => {}), SAVE_MS); // told at its end
  const error = await generation.run();
  clearInterval(saving);
  running.delete(asked.id);
  await keep(asked);
  if (asked === conversation) draw();
  announce(error ? `Failed: ${error.message}` : "The answer is complete");
  if (!error && !modelCard()?.context_length) await loadModels(); // loaded by now, it tells more
  if (error?.status === 401 && (await askForKey())) {
    await loadModels();
    if (asked === conversation) replace(message);
  }
}

/** Try again where an answer failed; what failed is a version only where something was said after it. */
function replace(message) {
  if (running.has(conversation.id)) return;
  const isLast = conversation.messages.every((other) => other.parent !== message.id);
  if (isLast) conversation.messages = conversation.messages.filter((other) => other !== message);
  answer(message.parent);
}

function stop() {
  running.get(conversation.id)?.stop();
}

function draw() {
  const current = running.get(conversation.id) ?? null;
  thread.show(conversation, current);
  composer.busy = current !== null;
  $("export").disabled = !conversation.messages.length;
  history.replaceState(null, "", conversation.messages.length ? `#${conversation.id}` : location.pathname);
  document.title = conversation.title ? `${conversation.title} · local-llm-kit` : "local-llm-kit";
  drawMeter();
}

/** Tokens of the last answer and its prompt, beside the model's window where it is known. */
function drawMeter() {
  const stats = shownPath(conversation).findLast((message) => message.stats)?.stats;
  const window = modelCard()?.context_length;
  $("meter").hidden = !stats;
  if (!stats) return;
  const used = stats.prompt + stats.completion;
  $("meter-text").textContent = window
    ? `${used.toLocaleString("en")} / ${window.toLocaleString("en")}`
    : `${used.toLocaleString("en")} tokens`;
  $("meter-bar").hidden = !window;
  $("meter-bar").value = window ? Math.min(1, used / window) : 0;
  $("meter").title = window ? `${Math.round((100 * used) / window)} % of the context is used` : "Tokens in the context";
}

function modelCard() {
  return models.find(({ id }) => id === conversation.model) ?? (conversation.model ? undefined : models[0]);
}

async function loadModels() {
  try {
    models = await listModels();
  } catch (error) {
    if (error.status === 401) return (await askForKey()) ? loadModels() : drawModels();
    toast(error.message);
  }
  drawModels();
}

function drawModels() {
  const names = models.map(({ id }) => id);
  conversation.model ??= names.includes(localStorage.getItem("model"))
    ? localStorage.getItem("model")
    : (names[0] ?? null);
  if (conversation.model && !names.includes(conversation.model)) names.push(conversation.model);
  $("model").replaceChildren(...names.map((name) => el("option", { value: name }, name)));
  $("model").value = conversation.model ?? "";
  composer.takesImages = modelCard()?.capabilities?.includes("vision") ?? false;
  $("welcome-model").textContent = conversation.model
    ? `${conversation.model} answers. Conversations stay in this browser.`
    : "";
  drawMeter();
}

async function keep(changed) {
  if (gone.has(changed.id)) return;
  try {
    await store.save(changed);
    store.tell(changed.id);
    await drawList();
  } catch (error) {
    toast(`The conversation could not be kept in this browser: ${error?.message ?? "no storage"}`);
  }
}

async function drawList() {
  sidebar.show(await store.listHeads(), conversation.id);
}

function start() {
  show(newConversation({ ...defaultSettings(), model: conversation.model }));
  composer.focus();
}

async function openConversation(id) {
  const found = await conversationOf(id);
  if (found) show(found);
}

/** A conversation as it is now: one that is being answered is ahead of what is stored. */
async function conversationOf(id) {
  return running.get(id)?.conversation ?? (await store.load(id));
}

function show(other) {
  conversation = other;
  thread.clear();
  drawModels();
  draw();
  drawList().catch(() => {}); // told when something is written
  sidebar.closeDrawer();
}

async function rename(id, title) {
  const changed = id === conversation.id ? conversation : await conversationOf(id);
  if (!changed) return; // another tab has deleted it
  changed.title = title;
  await keep(changed);
  draw();
}

async function remove({ id, title }) {
  if (!confirm(`Delete “${title}”? It cannot be brought back.`)) return;
  gone.add(id);
  running.get(id)?.stop();
  await store.remove(id);
  store.tell(id);
  if (id === conversation.id) start();
  else await drawList();
}

async function exportCurrent() {
  const how = await askHowToExport();
  const name =
    conversation.title
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .trim()
      .slice(0, 60) || "conversation";
  if (how === "json") download(`${name}.json`, "application/json", toJson([conversation]));
  if (how === "markdown") download(`${name}.md`, "text/markdown", toMarkdown(conversation));
}

async function importFile(file) {
  try {
    if (file.size > MAX_IMPORT_BYTES) throw new Error("The file is larger than 200 MiB.");
    const conversations = fromJson(await file.text());
    await store.save(...conversations);
    for (const { id } of conversations) store.tell(id);
    toast(`${conversations.length} imported.`);
    if (conversations.length) show(conversations[0]);
  } catch (error) {
    toast(error.message);
  }
}

$("new").addEventListener("click", start);
$("theme").addEventListener("click", nextTheme);
$("show-settings").addEventListener("click", () => settings.open(conversation));
$("show-keys").addEventListener("click", showKeys);
$("export").addEventListener("click", exportCurrent);
$("export-all").addEventListener("click", async () =>
  download("conversations.json", "application/json", toJson(await store.loadAll())),
);
$("import").addEventListener("click", () => $("import-file").click());
$("import-file").addEventListener("change", () => {
  if ($("import-file").files.length) importFile($("import-file").files[0]);
  $("import-file").value = "";
});
$("model").addEventListener("change", () => {
  conversation.model = $("model").value;
  localStorage.setItem("model", conversation.model);
  drawModels();
  if (conversation.messages.length) keep(conversation);
});
$("suggestions").append(
  ...SUGGESTIONS.map((text) =>
    el(
      "button",
      { type: "button", on: { click: () => answer(addMessage(conversation, { role: "user", text }).id) } },
      text,
    ),
  ),
);
listenForKeys({
  stop,
  start,
  search: () => sidebar.focusSearch(),
  settings: () => settings.open(conversation),
  sidebar: () => sidebar.toggle(),
  write: () => composer.focus(),
  keys: showKeys,
  again: () => {
    const last = shownPath(conversation).findLast(({ role }) => role === "assistant");
    if (last) answer(last.parent);
  },
});
store.onForeignChange(async (id) => {
  const isShown = id === conversation.id && !running.has(id);
  const changed = isShown ? await store.load(id) : undefined;
  if (changed) show(changed);
  else await drawList();
});

const asked = location.hash.slice(1);
draw();
drawList().catch(() => toast("This browser keeps no conversations: it gives this page no storage."));
loadModels();
if (asked) openConversation(asked).catch(() => {}); // told above
if (matchMedia("(pointer: fine)").matches) composer.focus(); // a phone would bring up its keyboard
