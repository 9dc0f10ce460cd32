"""From tokens' bytes to text: characters completed across tokens, stop strings held back.

Stop strings are found by one Knuth-Morris-Pratt automaton each, fed character by character, so the
cost is linear in the text whatever the strings are. After each piece, the longest suffix that could
still grow into a stop string is held back; everything before it is safe to send. The string that is
completed first wins, and of those completed by the same character the longest.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence


def _failure_table(pattern: str) -> list[int]:
    """For each position the length of the longest proper border of the pattern up to there."""
    table = [0] * len(pattern)
    length = 0
    for i in range(1, len(pattern)):
        while length and pattern[i] != pattern[length]:
            length = table[length - 1]
        if pattern[i] == pattern[length]:
            length += 1
        table[i] = length
    return table


class StopMatcher:
    """Cuts a stream of text at the first of several strings.

    :param stops: the strings, none empty.
    :ivar met: the string that ended the text; None while none has.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._patterns = [(stop, _failure_table(stop)) for stop in stops]
        self._first = frozenset(stop[0] for stop in stops)
        self._states = [0] * len(self._patterns)
        self._held = ""
        self.met: str | None = None

    def feed(self, text: str) -> str:
        """What can be sent once `text` has arrived; `met` then says whether a string was met."""
        if not self._held and self._first.isdisjoint(text):
            return text
        start = len(self._held)
        text = self._held + text
        for position in range(start, len(text)):
            longest = self._advance(text[position])
            if longest:
                end = position + 1
                self.met = text[end - longest : end]
                self._held = ""
                return text[: end - longest]
        n_held = max(self._states)
        self._held = text[len(text) - n_held :]
        return text[: len(text) - n_held]

    def _advance(self, char: str) -> int:
        """Feed one character to every automaton; length of the longest string it completes."""
        longest = 0
        for i, (pattern, failure) in enumerate(self._patterns):
            length = self._states[i]
            while length and pattern[length] != char:
                length = failure[length - 1]
            if pattern[length] == char:
                length += 1
            if length == len(pattern):
                longest = max(longest, length)
                length = 0
            self._states[i] = length
        return longest

    def flush(self) -> str:
        """The text held back, once no more can come."""
        held, self._held = self._held, ""
        return held


class TextStream:
    """Text of one sequence, piece by piece.

    :param stops: strings that end the text; they are not part of it.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._matcher = StopMatcher(stops) if stops else None

    @property
    def met(self) -> str | None:
        """The stop string that ended the text; None while none has."""
        return None if self._matcher is None else self._matcher.met

    def feed(self, piece: bytes) -> str:
        """Text that can be sent after a token with these bytes."""
        if piece.isascii() and not self._decoder.getstate()[0]:
            text = piece.decode("ascii")  # most pieces, at a third of the cost
        else:
            text = self._decoder.decode(piece)
        return text if self._matcher is None or not text else self._matcher.feed(text)

    def flush(self) -> str:
        """The rest: half a character becomes U+FFFD, held-back text is released."""
        text = self._decoder.decode(b"", True)
        if self._matcher is None:
            return text
        return self._matcher.feed(text) + ("" if self._matcher.met else self._matcher.flush())
