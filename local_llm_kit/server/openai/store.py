"""Chat completions that clients asked to be kept, in memory: the oldest leave first."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic_core import from_json, to_json

from local_llm_kit.backends import JSONObject

MAX_COMPLETIONS = 1024
MAX_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class KeptCompletion:
    """A chat completion that is kept.

    :param answer: it, as JSON, without the metadata.
    :param messages: what it answers, as JSON.
    :param metadata: its client's notes.
    :param model: name of the model that answered.
    :param owner: whose it is, see `owners`.
    """

    answer: bytes
    messages: bytes
    metadata: Mapping[str, str]
    model: str
    owner: int = 0

    def completion(self) -> JSONObject:
        """The completion with its metadata."""
        answer: JSONObject = from_json(self.answer)
        return answer | {"metadata": dict(self.metadata)}

    def matches(self, model: str | None, metadata: Mapping[str, str]) -> bool:
        """Whether it is of that model, where one is given, and has all of those notes."""
        return model in (None, self.model) and metadata.items() <= self.metadata.items()


class CompletionStore:
    """Keeps chat completions; every method may be called from any thread.

    What was kept for another owner is not found.

    :param max_completions: most that are kept.
    :param max_bytes: most that they take together; one that takes more alone is not kept.
    """

    def __init__(self, max_completions: int = MAX_COMPLETIONS, max_bytes: int = MAX_BYTES) -> None:
        self._max_completions = max_completions
        self._max_bytes = max_bytes
        self._kept: dict[str, KeptCompletion] = {}
        self._n_bytes = 0
        self._lock = threading.Lock()

    def put(
        self, answer: JSONObject, messages: object, metadata: Mapping[str, str], owner: int = 0
    ) -> None:
        """Keep a completion.

        :param answer: the whole of it.
        :param messages: what it answers, as the client sent it.
        """
        kept = KeptCompletion(to_json(answer), to_json(messages), metadata, answer["model"], owner)
        with self._lock:
            self._kept[answer["id"]] = kept
            self._n_bytes += _size(kept)
            self._make_room()

    def get(self, completion_id: str, owner: int = 0) -> KeptCompletion | None:
        """A completion; None where it is not kept."""
        kept = self._kept.get(completion_id)
        return kept if kept is not None and kept.owner == owner else None

    def annotate(self, completion_id: str, metadata: Mapping[str, str]) -> KeptCompletion | None:
        """Replace the notes of a completion; None where it is not kept."""
        with self._lock:
            kept = self._kept.get(completion_id)
            if kept is None:
                return None
            self._n_bytes -= _size(kept)
            kept = self._kept[completion_id] = replace(kept, metadata=metadata)
            self._n_bytes += _size(kept)
            self._make_room()
            return kept

    def delete(self, completion_id: str) -> bool:
        """Forget a completion; whether it was kept."""
        with self._lock:
            return self._drop(completion_id)

    def matching(
        self, model: str | None, metadata: Mapping[str, str], owner: int = 0
    ) -> dict[str, KeptCompletion]:
        """The owner's completions that match, by their ids, the oldest first."""
        with self._lock:
            return {
                one: kept
                for one, kept in self._kept.items()
                if kept.owner == owner and kept.matches(model, metadata)
            }

    def _make_room(self) -> None:
        while self._n_bytes > self._max_bytes or len(self._kept) > self._max_completions:
            self._drop(next(iter(self._kept)))

    def _drop(self, completion_id: str) -> bool:
        kept = self._kept.pop(completion_id, None)
        if kept is not None:
            self._n_bytes -= _size(kept)
        return kept is not None


def _size(kept: KeptCompletion) -> int:
    notes = sum(len(key) + len(text) for key, text in kept.metadata.items())
    return len(kept.answer) + len(kept.messages) + notes
