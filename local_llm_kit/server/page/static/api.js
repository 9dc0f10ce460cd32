/** The server: its models, its streams, and its errors in its own words. */

import { eventsOf } from "./sse.js";

/** What the server refused, or what kept it from answering. `status` is 0 where nothing arrived. */
export class ApiError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** The API key, kept for this tab, or in this browser where the user asked for that. */
export const apiKey = {
  get: () => sessionStorage.getItem("api-key") ?? localStorage.getItem("api-key"),
  set(key, keep) {
    this.forget();
    (keep ? localStorage : sessionStorage).setItem("api-key", key);
  },
  forget() {
    sessionStorage.removeItem("api-key");
    localStorage.removeItem("api-key");
  },
};

/** The models as `/v1/models` lists them: id, and perhaps context_length and capabilities. */
export async function listModels() {
  const answer = await json(await request("v1/models"));
  if (!Array.isArray(answer?.data)) throw new ApiError("the server's list of models has no `data`");
  return answer.data.filter((card) => typeof card?.id === "string");
}

/** How busy the server is: slots, running, waiting. */
export async function health() {
  return json(await request("health"));
}

/**
 * The chunks of a chat completion.
 * @param onOpen called once the server has the model and begins to answer.
 * @throws {ApiError} it refused, it failed on the way, or the stream was cut short.
 */
export async function* streamChat(fields, signal, onOpen = () => {}) {
  const body = JSON.stringify({ ...fields, stream: true, stream_options: { include_usage: true } });
  const response = await request("v1/chat/completions", { method: "POST", body, signal });
  onOpen();
  let done = false;
  try {
    // Read past the mark of the end: to leave the rest would close the connection for nothing.
    for await (const data of eventsOf(response.body)) {
      done ||= data === "[DONE]";
      if (done) continue;
      const chunk = parsed(data);
      if (chunk?.error) throw errorOf(chunk, response.status);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    throw new ApiError(`the connection broke: ${error.message}`);
  }
  if (!done) throw new ApiError("the stream ended before the answer did");
}

async function request(path, { headers = {}, ...options } = {}) {
  const key = apiKey.get();
  if (key) headers.Authorization = `Bearer ${key}`;
  if (options.body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      ...options,
      headers,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("the server cannot be reached; is it still running?");
  }
  if (response.ok) return response;
  throw errorOf(await json(response), response.status);
}

async function json(response) {
  return parsed(await response.text().catch(() => ""));
}

function parsed(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    data = null;
  }
  return data ?? { error: { message: `the server's answer cannot be read: ${text.slice(0, 200)}` } };
}

function errorOf(body, status) {
  return new ApiError(String(body?.error?.message ?? body?.error ?? "no reason was given"), status);
}
