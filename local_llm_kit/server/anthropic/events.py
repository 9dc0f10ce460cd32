"""From the chunks of an answer to the events of Anthropic's streams. Pure.

A message is a list of blocks, each begun, grown and stopped before the next one begins; their
indices count up from 0. What the message used and why it ended comes after the last block.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Sequence

from local_llm_kit.backends import JSONObject

#: An answer is cancelled when its client has left; nobody reads why it ended.
_STOP_REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "cancelled": "end_turn"}


class MessageEvents:
    """Makes the events of one message.

    :param max_tokens: most tokens that were asked for.
    :param shows_thoughts: whether what the model thinks is told.
    """

    def __init__(self, max_tokens: int, shows_thoughts: bool) -> None:
        self._max_tokens = max_tokens
        self._shows_thoughts = shows_thoughts
        self._has_begun = False
        self._n_blocks = 0
        self._open: str | None = None  # the type of the block that grows
        self._last: JSONObject = {}
        self._usage: JSONObject = {}

    def add(self, chunks: Sequence[JSONObject]) -> list[JSONObject]:
        """Events of what some chunks add."""
        events: list[JSONObject] = []
        for chunk in chunks:
            if not self._has_begun:
                self._has_begun = True
                events.append(_start(chunk))
            self._usage = chunk.get("usage") or self._usage
            for choice in chunk["choices"]:
                self._add_delta(choice["delta"], events)
                if choice["finish_reason"]:
                    self._last = choice
        return events

    def end(self) -> list[JSONObject]:
        """Events after the last chunk."""
        events: list[JSONObject] = []
        self._stop_block(events)
        reason, stop = self._ending()
        events.append(
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": stop, "stop_details": None},
                "usage": usage_of(self._usage),
            }
        )
        return [*events, {"type": "message_stop"}]

    def _ending(self) -> tuple[str, str | None]:
        """Why the message ended, and the stop sequence that ended it."""
        reason, stop = self._last["finish_reason"], self._last.get("stop_reason")
        if reason == "stop" and stop is not None:
            return "stop_sequence", stop
        if reason == "length":
            # Fewer tokens than were asked for: it was the window that was full.
            is_asked = self._usage["completion_tokens"] >= self._max_tokens
            return ("max_tokens" if is_asked else "model_context_window_exceeded"), None
        return _STOP_REASONS[reason], None

    def _add_delta(self, delta: JSONObject, events: list[JSONObject]) -> None:
        thought, text = delta.get("reasoning_content"), delta.get("content")
        if thought and self._shows_thoughts:
            self._in_block(events, {"type": "thinking", "thinking": "", "signature": ""})
            self._grow(events, {"type": "thinking_delta", "thinking": thought})
        if text:
            self._in_block(events, {"type": "text", "text": ""})
            self._grow(events, {"type": "text_delta", "text": text})
        for call in delta.get("tool_calls", ()):
            function = call["function"]
            if "id" in call:
                self._stop_block(events)
                self._in_block(events, _tool_use(call["id"], function["name"]))
            if function["arguments"]:
                piece = function["arguments"]
                self._grow(events, {"type": "input_json_delta", "partial_json": piece})

    def _in_block(self, events: list[JSONObject], block: JSONObject) -> None:
        """Go on in a block of that type, begun if need be."""
        if self._open == block["type"]:
            return
        self._stop_block(events)
        self._open = block["type"]
        events.append(
            {"type": "content_block_start", "index": self._n_blocks, "content_block": block}
        )

    def _grow(self, events: list[JSONObject], delta: JSONObject) -> None:
        events.append({"type": "content_block_delta", "index": self._n_blocks, "delta": delta})

    def _stop_block(self, events: list[JSONObject]) -> None:
        if self._open is not None:
            events.append({"type": "content_block_stop", "index": self._n_blocks})
            self._open = None
            self._n_blocks += 1


def _start(chunk: JSONObject) -> JSONObject:
    """The beginning; how long the prompt was is told at the end, when it is known."""
    message = {
        "id": f"msg_{chunk['id'].rpartition('-')[2]}",
        "type": "message",
        "role": "assistant",
        "model": chunk["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": usage_of({}),
    }
    return {"type": "message_start", "message": message}


def _tool_use(call_id: str, name: str) -> JSONObject:
    own_id = f"toolu_{call_id.removeprefix('call_')}"
    return {"type": "tool_use", "id": own_id, "name": name, "input": {}}


def usage_of(usage: JSONObject) -> JSONObject:
    """Anthropic's token counts: what was found in the cache is not among the input's.

    :param usage: OpenAI's; empty where nothing is known yet.
    """
    n_cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return {
        "input_tokens": usage.get("prompt_tokens", 0) - n_cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": n_cached,
        "output_tokens": usage.get("completion_tokens", 0),
    }
