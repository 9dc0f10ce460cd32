"""Newline-delimited JSON as a pure decoder: bytes in, lines out, each in time linear in its bytes.

Source: https://docs.ollama.com/api/streaming.
"""

from __future__ import annotations

from LLM.exceptions import LLMResponseError
from LLM.json_size import MAX_UNCOUNTED_CHARS, has_too_many_values, too_many_values
from LLM.sse import MAX_EVENT_BYTES


class LineDecoder:
    """Cuts one stream into its lines.

    Lines end with LF alone: a CR before it is white space to JSON, and other characters at which
    text could be split (U+0085, U+2028) may stand inside a string.

    :param max_line_bytes: a line beyond this size raises.
    """

    def __init__(self, max_line_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._begun: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes. :return: the lines that they complete, without their ends.

        :raises LLMResponseError: a line is larger than `max_line_bytes`, or of too many values.
        """
        *lines, rest = data.split(b"\n")
        if lines and self._begun:
            self._begun.append(lines[0])
            lines[0] = b"".join(self._begun)
            self._begun.clear()
            self._size = 0
        if rest:
            self._begun.append(rest)
            self._size += len(rest)
        longest = max(self._size, max(map(len, lines), default=0))
        if longest > MAX_UNCOUNTED_CHARS and any(map(has_too_many_values, lines)):
            raise too_many_values()
        if longest > self._max_line_bytes:
            raise LLMResponseError(
                f"the server sent a line of more than {self._max_line_bytes:,} bytes; "
                "the stream was closed"
            )
        return lines

    def close(self) -> bytes:
        """End the stream. :return: a last line that lacked its end; empty when there is none.

        :raises LLMResponseError: it is of too many values.
        """
        line = b"".join(self._begun)
        self._begun.clear()
        self._size = 0
        if has_too_many_values(line):
            raise too_many_values()
        return line
