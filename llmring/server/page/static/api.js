/** The server: what it has been told of calls, and its errors in its own words. */

const KEY = "llmring-key";

/** What the server refused, or what kept it from answering. `status` is 0 where nothing arrived. */
export class ApiError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** The API key, kept until this tab is closed. */
export const apiKey = {
  get: () => sessionStorage.getItem(KEY),
  set: (key) => sessionStorage.setItem(KEY, key),
  forget: () => sessionStorage.removeItem(KEY),
};

/** All calls together, and by day, model, origin and alias. */
export async function stats(query, signal) {
  const found = await request("api/v1/stats", query, signal);
  const lists = ["by_day", "by_model", "by_origin", "by_alias"];
  if (Number.isInteger(found?.summary?.calls) && lists.every((name) => Array.isArray(found[name]))) return found;
  throw new ApiError("The server's answer is not what this page knows. Is that an llmring server?");
}

/** The calls themselves, the newest first. */
export const logs = (query, signal) => request("api/v1/logs", query, signal);

/** Whether the server has no key yet. False too where it does not say. */
export async function needsFirstKey() {
  const found = await request("health", {}).catch(() => null);
  return found?.needs_first_key === true;
}

async function request(path, query, signal) {
  const key = apiKey.get();
  const behind = new URLSearchParams(query).toString();
  let response;
  try {
    response = await fetch(behind ? `${path}?${behind}` : path, {
      // Never in the address, which logs and histories keep.
      headers: key ? { Authorization: `Bearer ${key}` } : {},
      signal,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The server cannot be reached. Is it still running?");
  }
  const body = await response.json().catch((error) => {
    if (signal?.aborted) throw error;
    return null;
  });
  if (response.ok && body !== null) return body;
  const reason = body?.error?.message ?? `the server's answer (${response.status}) cannot be read`;
  throw new ApiError(String(reason), response.status);
}
