"""A cassette in use: a layer that answers from what was recorded, or writes down what passes."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from LLM import overhearing
from LLM.answer import Answer
from LLM.cassettes.file import Writer, read
from LLM.cassettes.interactions import Interaction, origin_of, request_fields
from LLM.cassettes.matching import Key, Part, key_of, miss
from LLM.cassettes.modes import Mode
from LLM.cassettes.notes import Note
from LLM.cassettes.playing import Played
from LLM.cassettes.scrubbing import NO_KEYS, Scrubber, secrets_of
from LLM.exceptions import CassetteMissError
from LLM.wire import (
    AsyncSend,
    AsyncSendStream,
    AsyncStreamedWire,
    Send,
    SendStream,
    StreamedWire,
    WireRequest,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is set of a cassette, checked; see `LLM.cassettes.recorder.Cassette`."""

    path: Path
    mode: Mode
    pace: float
    allow_repeats: bool
    match_on: tuple[Part, ...]


class Session:
    """A cassette in use: a layer of the wire, and of calls of models in this process."""

    def __init__(self, settings: Settings, mode: Mode) -> None:
        self.mode = mode
        self._settings = settings
        self._lock = threading.Lock()
        self._scrubbers: dict[tuple[str, ...], Scrubber] = {}
        self._notes: weakref.WeakSet[Note] = weakref.WeakSet()
        self._recorded = read(settings.path) if mode in ("once", "none", "new_episodes") else []
        if mode == "none" and not settings.path.exists():
            raise _missing(settings.path)
        #: Whether what is not recorded is asked for real.
        self.records = mode in ("all", "new_episodes") or (mode == "once" and not self._recorded)
        self._writer: Writer | None = None
        if self.records:
            self._writer = Writer(settings.path, fresh=mode == "all")
        self._next_number = 1 + max((one.number for one in self._recorded), default=-1)
        self._waiting: dict[Key, deque[Interaction]] = {}
        self._last: dict[Key, Interaction] = {}
        for one in self._recorded:
            key = key_of(one.request, settings.match_on)
            self._waiting.setdefault(key, deque()).append(one)
            self._last[key] = one

    @property
    def pause_pace(self) -> float | None:
        """How much of the pauses between tries is waited; None when no answer is recorded."""
        if not self._recorded and self.records:
            return None
        return 1.0 if self.records else min(self._settings.pace, 1.0)

    def call(self, request: WireRequest, send: Send) -> Answer:
        """See `LLM.wire.Layer`."""
        if (played := self._played(request)) is not None:
            return played.whole()
        return overhearing.call(self._note(request), send)

    async def call_async(self, request: WireRequest, send: AsyncSend) -> Answer:
        """See `LLM.wire.Layer`."""
        if (played := self._played(request)) is not None:
            return await played.whole_async()
        return await overhearing.call_async(self._note(request), send)

    def stream(self, request: WireRequest, send: SendStream) -> Answer | StreamedWire:
        """See `LLM.wire.Layer`."""
        if (played := self._played(request)) is not None:
            return played.begun()
        return overhearing.stream(self._note(request), send)

    async def stream_async(
        self, request: WireRequest, send: AsyncSendStream
    ) -> Answer | AsyncStreamedWire:
        """See `LLM.wire.Layer`."""
        if (played := self._played(request)) is not None:
            return await played.begun_async()
        return await overhearing.stream_async(self._note(request), send)

    def close(self) -> None:
        """End what is being recorded, and the file."""
        with self._lock:
            notes = list(self._notes)
        for note in notes:
            note.left()
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _scrubber(self, request: WireRequest) -> Scrubber:
        """What takes the keys of a request's client out of text."""
        secrets = secrets_of(request.headers)
        found = self._scrubbers.get(secrets)
        if found is None:
            found = self._scrubbers[secrets] = Scrubber(secrets)
        return found

    def _note(self, request: WireRequest) -> Note:
        """What hears of a request that is sent for real; it ends with the block at the latest."""
        scrubber = self._scrubber(request)
        with self._lock:
            note = Note(self._next_number, request, scrubber, self._write)
            self._next_number += 1
            self._notes.add(note)
        return note

    def _write(self, interaction: Interaction) -> None:
        """Write an interaction down, unless the block has ended."""
        writer = self._writer
        if writer is not None:
            writer.append(interaction)

    def _played(self, request: WireRequest) -> Played | None:
        """What was recorded of a request; None when it is to be sent.

        :raises CassetteMissError: it was not recorded, and is not to be sent.
        """
        if not self._recorded and self.records:
            return None
        scrubber = self._scrubber(request)
        asked = request_fields(request, scrubber)
        keys = [key_of(asked, self._settings.match_on)]
        # What was recorded is without its own client's key. This one's may be a placeholder, and
        # as such a word of the prompt.
        keys.append(key_of(request_fields(request, NO_KEYS), self._settings.match_on))
        interaction = self._taken(keys)
        if interaction is not None:
            return Played(interaction, origin_of(request.url), self._settings.pace)
        if self.records:
            return None
        why = miss(asked, self._recorded, used=keys[0] in self._last)
        raise CassetteMissError(
            f"the cassette {str(self._settings.path)!r} replays only, and {why}\n"
            "To record: delete the file, or set LLM_CASSETTE=new_episodes"
        )

    def _taken(self, keys: Sequence[Key]) -> Interaction | None:
        """The next answer to a request that is known by one of some keys."""
        with self._lock:
            for key in keys:
                if waiting := self._waiting.get(key):
                    return waiting.popleft()
            if not self._settings.allow_repeats:
                return None
            return next((self._last[key] for key in keys if key in self._last), None)


def _missing(path: Path) -> CassetteMissError:
    return CassetteMissError(
        f"there is no cassette {str(path)!r}, and none may be recorded; run it once with "
        "LLM_CASSETTE=once where the calls can be made"
    )
