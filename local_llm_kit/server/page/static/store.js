/**
 * Conversations in this browser's IndexedDB.
 *
 * `heads` holds what the list shows and `bodies` the whole conversations, so that a list of hundreds
 * with images in them is read at once. Both are written in one transaction.
 */

const channel = new BroadcastChannel("conversations");
let opening = null;

/** Call `listener` with the id of each conversation that another tab tells of. */
export function onForeignChange(listener) {
  channel.addEventListener("message", ({ data }) => listener(data));
}

/** What the list shows of every conversation, the one changed last first. */
export async function listHeads() {
  const database = await open();
  const heads = await result(database.transaction("heads").objectStore("heads").getAll());
  return heads.sort((a, b) => b.updated - a.updated);
}

/** A whole conversation; undefined if there is none. */
export async function load(id) {
  const database = await open();
  return result(database.transaction("bodies").objectStore("bodies").get(id));
}

/** Every conversation, whole. */
export async function loadAll() {
  const database = await open();
  return result(database.transaction("bodies").objectStore("bodies").getAll());
}

/** Write conversations, all or none. */
export async function save(...conversations) {
  await change((heads, bodies) => {
    for (const conversation of conversations) {
      const { id, title, updated } = conversation;
      heads.put({ id, title, updated });
      bodies.put(conversation);
    }
  });
}

/** Tell the other tabs that a conversation was written or removed. */
export function tell(id) {
  channel.postMessage(id);
}

/** Forget a conversation. */
export async function remove(id) {
  await change((heads, bodies) => {
    heads.delete(id);
    bodies.delete(id);
  });
}

/** Ids of the conversations in whose title or messages each word of `text` stands. */
export async function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = new Set();
  const database = await open();
  const cursor = database.transaction("bodies").objectStore("bodies").openCursor();
  await new Promise((resolve, reject) => {
    cursor.onerror = () => reject(cursor.error);
    cursor.onsuccess = () => {
      if (!cursor.result) return resolve();
      const { id, title, messages } = cursor.result.value;
      const all = [title, ...messages.map((message) => message.text)].join("\n").toLowerCase();
      if (words.every((word) => all.includes(word))) found.add(id);
      cursor.result.continue();
    };
  });
  return found;
}

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("local-llm-kit", 1);
    request.onupgradeneeded = () => {
      for (const name of ["heads", "bodies"]) request.result.createObjectStore(name, { keyPath: "id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

async function change(work) {
  const database = await open();
  const transaction = database.transaction(["heads", "bodies"], "readwrite");
  work(transaction.objectStore("heads"), transaction.objectStore("bodies"));
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
