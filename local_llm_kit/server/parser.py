"""httptools' parser, for clients that ask for another protocol together with their request.

Java's own client asks for HTTP/2 so, in its first request. httptools then leaves the body
unread, and the request would look empty. A server may ignore what it is asked for and answer by
HTTP/1.1, which is done here.

Source: RFC 9110, section 7.8
"""

from __future__ import annotations

from typing import Any, Protocol

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)


class Connection(Protocol):
    """What a parser calls."""

    headers: list[tuple[bytes, bytes]]

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""

    def on_body_complete(self) -> None:
        """All of a request is here."""

    def on_malformed(self) -> None:
        """What has come is no request."""


class Parser(HttpRequestParser):
    """Parses requests, and ignores other protocols that they ask for.

    :param connection: told of what is found; its `on_message_complete` asks `leaves_body`.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._connection = connection
        self._n_left = 0

    def leaves_body(self) -> bool:
        """Whether httptools takes the request for complete, and its body is yet to come."""
        if not self.should_upgrade():
            return False
        lengths = [value for name, value in self._connection.headers if name == b"content-length"]
        self._n_left = int(lengths[0]) if lengths else 0  # llhttp checked that it is one number
        return self._n_left > 0

    def feed_data(self, data: Any) -> None:
        """Parse what has come.

        :param data: bytes.
        :raises HttpParserCallbackError: the connection failed over it.
        """
        while data:
            data = self._take_body(data) if self._n_left else self._parse(data)

    def _parse(self, data: bytes) -> bytes:
        """What is left when another protocol was asked for."""
        try:
            super().feed_data(data)
        except HttpParserUpgrade as asked:
            return data[asked.args[0] :]
        except HttpParserError as err:
            if _is_our_fault(err):
                raise
            # Said here: uvicorn would log a line for each, as many as anyone likes to send.
            self._connection.on_malformed()
        return b""

    def _take_body(self, data: bytes) -> bytes:
        """What is left behind the body, or behind what has come of it."""
        piece, rest = data[: self._n_left], data[self._n_left :]
        self._n_left -= len(piece)
        self._connection.on_body(piece)
        if not self._n_left:
            self._connection.on_body_complete()
        return rest


def _is_our_fault(error: HttpParserError) -> bool:
    """Whether a callback failed, and not over an address that is none."""
    failed = isinstance(error, HttpParserCallbackError)
    return failed and not isinstance(error.__context__, HttpParserError)
