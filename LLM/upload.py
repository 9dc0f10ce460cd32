"""A request's body that is read while it is sent, for blocking and async transports alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from LLM.exceptions import InvalidRequestError, LLMConfigError, LLMError


class StreamedBody:
    """Bytes of a known number, read in pieces, from their start for each try.

    What reading raises ends the request before its body is whole, and so without effect.

    :param read: begins to read, and gives the pieces; none may be empty.
    :param size_bytes: how many bytes they are in all, which is sent before them.
    :param content_type: what they are.
    """

    def __init__(
        self, read: Callable[[], Iterator[bytes]], size_bytes: int, content_type: str
    ) -> None:
        self.size_bytes = size_bytes
        self.content_type = content_type
        #: Why the latest try could not read on; None while it could. A library that sends the
        #: pieces may tell something else.
        self.failure: LLMError | None = None
        #: Whether the latest try has given its last piece.
        self.finished = False
        self._read = read

    def __iter__(self) -> Iterator[bytes]:
        """The pieces, from the start. :raises LLMError: they cannot be read, or are not as many."""
        self.failure, self.finished = None, False
        try:
            yield from self._counted()
        except LLMError as err:
            self.failure = err
            raise
        self.finished = True

    def _counted(self) -> Iterator[bytes]:
        # More than was announced would be taken for the next request.
        n_bytes = 0
        for piece in self._read():
            n_bytes += len(piece)
            if n_bytes > self.size_bytes:
                break
            yield piece
        if n_bytes != self.size_bytes:
            found = "more" if n_bytes > self.size_bytes else f"{n_bytes:,}"
            raise InvalidRequestError(
                f"an upload of {self.size_bytes:,} bytes was begun, and its source has {found}; "
                "send it again when nobody writes to it"
            )

    def __repr__(self) -> str:
        return f"<StreamedBody of {self.size_bytes:,} bytes>"


def upload_url(target: str, api_root: str, origin: str) -> str:
    """Where an upload goes; credentials leave no origin.

    :param target: a path below `api_root`, which begins with a slash, or an address at `origin`.
    :param origin: scheme and host of `api_root`.
    :raises LLMConfigError: it is an address elsewhere.
    """
    if target.startswith("/"):
        return api_root + target
    if target.startswith(origin + "/"):
        return target
    raise LLMConfigError(f"an upload would leave {origin}, and take the key with it")
