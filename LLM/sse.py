"""Server-sent events as a pure decoder: bytes in, events out.

Most events are one line, ``data: {...}``, or two with ``event: name`` before it, ended by an empty
line, and most reads hold whole events: these are split in C. Everything else (events cut by a read,
comments, several data lines) goes through a line machine that gives the same result. Both are
linear in the bytes fed.

Invariant between calls: `_pending` says whether an event has begun, and its bytes so far live in
`_line` (an unfinished line), `_data` and `_name` (finished lines).

Source: WHATWG HTML, section 9.2.6, "Interpreting an event stream".
"""

from __future__ import annotations

from LLM.exceptions import LLMResponseError
from LLM.json_size import MAX_UNCOUNTED_CHARS, has_too_many_values, too_many_values

#: An event's name (empty for the usual unnamed ones) and its data.
Event = tuple[bytes, bytes]

#: Largest event that is accepted, in bytes.
MAX_EVENT_BYTES = 16 * 1024 * 1024

_MAX_STRAY_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Decodes one event stream.

    :param max_event_bytes: an event beyond this size raises.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.max_event_bytes = max_event_bytes
        self._unchecked_bytes = min(max_event_bytes, MAX_UNCOUNTED_CHARS)
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._name = b""
        self._size = 0
        self._stray: list[bytes] = []
        self._stray_size = 0
        self._at_start = True
        self._after_cr = False
        # The first event goes through the line machine, which knows about the byte order mark.
        self._pending = True

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the stream.

        :return: the events that they complete, in order.
        :raises LLMResponseError: an event is larger than `max_event_bytes`, or of too many JSON
            values.
        """
        events: list[Event] = []
        if self._after_cr and data:
            # A CR ended the last read's line already; a LF here is its second half.
            self._after_cr = False
            if data[:1] == b"\n":
                data = data[1:]
        if b"\r" in data:
            self._after_cr = data[-1:] == b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self._pending:
            end = data.find(b"\n\n")
            if end < 0:
                self._feed_lines(data, events)
                return events
            self._feed_lines(data[: end + 2], events)
            data = data[end + 2 :]
        *blocks, rest = data.split(b"\n\n")
        for block in blocks:
            name, data_line = b"", block
            if block[:7] == b"event: ":
                name, _, data_line = block[7:].partition(b"\n")
            if data_line[:6] == b"data: " and b"\n" not in data_line:
                if len(block) > self._unchecked_bytes:
                    self._check(block)
                events.append((name, data_line[6:]))
            else:
                self._feed_lines(block + b"\n\n", events)
        if rest:
            self._feed_lines(rest, events)
        return events

    def close(self) -> list[Event]:
        """End the stream. :return: a last event that lacked only its empty line."""
        events: list[Event] = []
        self._feed_lines(b"\n\n" if self._line else b"\n", events)
        return events

    @property
    def stray(self) -> bytes:
        """The first 64 KiB of lines that belong to no event.

        It is what a server sends that answers with HTML or a JSON document instead of a stream.
        """
        return b"\n".join(self._stray)

    def _feed_lines(self, data: bytes, events: list[Event]) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._size += len(line)
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)
                self._line.clear()
            if line:
                self._feed_line(line)
            else:
                self._dispatch(events)
        if rest:
            self._line.append(rest)
            self._size += len(rest)
        self._pending = bool(self._line or self._data or self._name or self._at_start)
        if self._size > self.max_event_bytes:
            raise self._too_large()

    def _feed_line(self, line: bytes) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value
        elif field and field not in (b"id", b"retry") and self._stray_size < _MAX_STRAY_BYTES:
            self._stray.append(line[: _MAX_STRAY_BYTES - self._stray_size])
            self._stray_size += len(line)

    def _dispatch(self, events: list[Event]) -> None:
        self._at_start = False
        if self._data:
            data = b"\n".join(self._data)
            if len(data) > self._unchecked_bytes:
                self._check(data)
            events.append((self._name, data))
            self._data.clear()
        self._name = b""
        self._size = 0

    def _check(self, data: bytes) -> None:
        if len(data) > self.max_event_bytes:
            raise self._too_large()
        if has_too_many_values(data):
            raise too_many_values()

    def _too_large(self) -> LLMResponseError:
        return LLMResponseError(
            f"the server sent a stream event of more than {self.max_event_bytes:,} bytes; "
            "the stream was closed"
        )
