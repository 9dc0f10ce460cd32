"""The output of a response: items that grow, and the events that tell of it.

Chunks of a chat completion come in, events go out. One item grows at a time; it is closed by the
next, or by the end. A stream is these events, a whole answer the items: the two agree.

Source: OpenAI's API reference, streaming events of the Responses API.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from local_llm_kit.backends import JSONObject
from local_llm_kit.server.responses.items import new_id

ItemStatus = Literal["in_progress", "completed", "incomplete"]


class _Item(ABC):
    """An item that grows.

    :param index: its place in the output.
    """

    prefix: str
    #: Beginning of the types of its events.
    event: str
    #: What its text is called in them.
    text_key = "text"

    def __init__(self, index: int) -> None:
        self.id = new_id(self.prefix)
        self.place: JSONObject = {"item_id": self.id, "output_index": index}
        self._index = index
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @abstractmethod
    def whole(self, status: ItemStatus) -> JSONObject:
        """The item as it is now."""

    def opening(self) -> list[JSONObject]:
        item = self.whole("in_progress")
        added = {"type": "response.output_item.added", "output_index": self._index, "item": item}
        return [added]

    def more(self, text: str) -> JSONObject:
        self._pieces.append(text)
        return {"type": f"{self.event}.delta", **self.place, "delta": text}

    def closing(self, status: ItemStatus) -> list[JSONObject]:
        said = {"type": f"{self.event}.done", **self.place, self.text_key: self.text}
        item = self.whole(status)
        done = {"type": "response.output_item.done", "output_index": self._index, "item": item}
        return [said, done]


class _Spoken(_Item):
    """An item whose text is a part of its content: a message or a thought."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.place["content_index"] = 0
        self._is_open = False  # the part, which comes after the item

    @abstractmethod
    def part(self) -> JSONObject:
        """The part as it is now."""

    def content(self) -> list[JSONObject]:
        return [self.part()] if self._is_open else []

    def opening(self) -> list[JSONObject]:
        events = super().opening()
        self._is_open = True
        added = {"type": "response.content_part.added", **self.place, "part": self.part()}
        return [*events, added]

    def closing(self, status: ItemStatus) -> list[JSONObject]:
        said, done = super().closing(status)
        part = {"type": "response.content_part.done", **self.place, "part": self.part()}
        return [said, part, done]


class _Message(_Spoken):
    prefix = "msg"
    event = "response.output_text"

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self._scores: list[JSONObject] = []

    def part(self) -> JSONObject:
        return {
            "type": "output_text",
            "text": self.text,
            "annotations": [],
            "logprobs": list(self._scores),
        }

    def whole(self, status: ItemStatus) -> JSONObject:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": self.content(),
        }

    def scored(self, text: str, scores: Sequence[JSONObject]) -> JSONObject:
        """More text, and the log probabilities of its tokens."""
        self._scores.extend(scores)
        return self.more(text) | {"logprobs": list(scores)}

    def closing(self, status: ItemStatus) -> list[JSONObject]:
        said, part, done = super().closing(status)
        return [said | {"logprobs": list(self._scores)}, part, done]


class _Reasoning(_Spoken):
    prefix = "rs"
    event = "response.reasoning_text"

    def part(self) -> JSONObject:
        return {"type": "reasoning_text", "text": self.text}

    def whole(self, status: ItemStatus) -> JSONObject:
        return {
            "id": self.id,
            "type": "reasoning",
            "summary": [],
            "content": self.content(),
            "status": status,
        }


class _Call(_Item):
    prefix = "fc"
    event = "response.function_call_arguments"
    text_key = "arguments"

    def __init__(self, index: int, call_id: str, name: str) -> None:
        super().__init__(index)
        self._call_id = call_id
        self._name = name

    def whole(self, status: ItemStatus) -> JSONObject:
        return {
            "id": self.id,
            "type": "function_call",
            "call_id": self._call_id,
            "name": self._name,
            "arguments": self.text,
            "status": status,
        }

    def closing(self, status: ItemStatus) -> list[JSONObject]:
        said, done = super().closing(status)
        return [said | {"name": self._name}, done]


_SpokenT = TypeVar("_SpokenT", bound=_Spoken)


class Output:
    """The items of a response.

    :ivar finish_reason: why the model stopped, in the words of a chat completion; None before.
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._closed: list[JSONObject] = []
        self._item: _Item | None = None

    def items(self) -> list[JSONObject]:
        """The items as they are now, the one that grows included."""
        growing = [] if self._item is None else [self._item.whole("in_progress")]
        return [*self._closed, *growing]

    def add(self, choice: JSONObject) -> list[JSONObject]:
        """Events of what a chunk's choice adds."""
        delta = choice["delta"]
        scores = (choice.get("logprobs") or {}).get("content") or []
        events: list[JSONObject] = []
        if delta.get("reasoning_content"):
            item = self._at(_Reasoning, events)
            events.append(item.more(delta["reasoning_content"]))
        if delta.get("content") or (scores and isinstance(self._item, _Message)):
            message = self._at(_Message, events)
            events.append(message.scored(delta.get("content") or "", scores))
        for call in delta.get("tool_calls", ()):
            events += self._called(call)
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        return events

    def close(self, status: ItemStatus) -> list[JSONObject]:
        """Events of the end: the item that grows is closed.

        :param status: of the last item; what is completed has one in any case.
        """
        events: list[JSONObject] = []
        if status == "completed" and not self._closed and self._item is None:
            self._at(_Message, events)
        return events + self._closing(status)

    def _at(self, kind: type[_SpokenT], events: list[JSONObject]) -> _SpokenT:
        """The item that grows, if it is of that kind, or a new one."""
        if not isinstance(self._item, kind):
            item = kind(len(self._closed) + (self._item is not None))
            events += self._open(item)
            return item
        return self._item

    def _called(self, call: JSONObject) -> list[JSONObject]:
        function: dict[str, Any] = call["function"]
        events: list[JSONObject] = []
        if "id" in call:
            index = len(self._closed) + (self._item is not None)
            events += self._open(_Call(index, call["id"], function["name"]))
        assert self._item is not None
        if function["arguments"]:
            events.append(self._item.more(function["arguments"]))
        return events

    def _open(self, item: _Item) -> list[JSONObject]:
        events = self._closing("completed")
        self._item = item
        return events + item.opening()

    def _closing(self, status: ItemStatus) -> list[JSONObject]:
        if self._item is None:
            return []
        events = self._item.closing(status)
        self._closed.append(self._item.whole(status))
        self._item = None
        return events
