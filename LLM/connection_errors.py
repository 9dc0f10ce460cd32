"""The errors of calls that bring no whole answer, in the words of both worlds."""

from __future__ import annotations

from typing import Literal

from LLM.answer import MAX_ANSWER_BYTES, MAX_STREAM_BYTES
from LLM.exceptions import LLMConnectionError, LLMResponseError, LLMTimeoutError

#: Which deadline runs: until the connection stands, until the answer's headers, between two stream
#: events, for all of an answer.
Deadline = Literal["connect", "first_byte", "between_chunks", "total"]

_NEVER_REACHED: dict[Deadline, str] = {
    "connect": "no connection to",
    "first_byte": "no answer from",
    "between_chunks": "no further event in the stream from",
    "total": "no complete answer from",
}


def timed_out(origin: str, timeout_s: float, deadline: Deadline) -> LLMTimeoutError:
    """:param origin: scheme and host that were called, as in all functions here."""
    return LLMTimeoutError(
        f"{_NEVER_REACHED[deadline]} {origin} within {timeout_s:g} s (deadline {deadline!r}); "
        "raise timeout if the model needs longer",
        code=deadline,
    )


def unknown_host(origin: str) -> LLMConnectionError:
    """The name has no address."""
    return LLMConnectionError(
        f"cannot find the host of {origin}; check base_url and the network", code="unknown_host"
    )


def tls_failed(origin: str, problem: BaseException) -> LLMConnectionError:
    """The handshake failed, or the certificate is not trusted."""
    if "WRONG_VERSION_NUMBER" in str(problem):
        return LLMConnectionError(
            f"{origin} does not speak TLS; begin base_url with http:// or give its TLS port",
            code="tls",
        )
    return LLMConnectionError(
        f"no TLS connection to {origin}: {one_line(problem)}; for a private certificate set "
        "the client's `verify` to its CA bundle",
        code="tls",
    )


def proxy_failed(origin: str, problem: str) -> LLMConnectionError:
    """The proxy cannot be reached, or does not let us through."""
    return LLMConnectionError(
        f"the proxy for {origin} failed: {problem}; check HTTP_PROXY, HTTPS_PROXY and NO_PROXY",
        code="connect",
    )


def not_connected(origin: str, problem: BaseException) -> LLMConnectionError:
    """Nobody takes the connection."""
    if isinstance(problem, ConnectionRefusedError):
        return LLMConnectionError(
            f"nothing listens at {origin}; start the server or check base_url", code="connect"
        )
    return LLMConnectionError(f"cannot connect to {origin}: {one_line(problem)}", code="connect")


def disconnected(origin: str) -> LLMConnectionError:
    """The connection ended before an answer began."""
    return LLMConnectionError(
        f"{origin} closed the connection before answering", code="disconnected"
    )


def no_http(origin: str, problem: BaseException) -> LLMResponseError:
    """What came back is no HTTP."""
    return LLMResponseError(
        f"{origin} does not answer in HTTP: {one_line(problem)}; check base_url"
    )


def broken_body(origin: str, problem: BaseException) -> LLMResponseError:
    """The headers were right, but their body is not."""
    return LLMResponseError(f"the answer of {origin} is cut short or broken: {one_line(problem)}")


def broken_framing() -> LLMResponseError:
    """The chunked coding is wrong."""
    # What was found instead is not quoted: it may be part of a key that the server echoes.
    return LLMResponseError(
        "the server's chunked framing is broken, so the rest of the answer cannot be read"
    )


def too_large() -> LLMResponseError:
    """The answer passes its cap."""
    return LLMResponseError(
        f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes when decoded and was not read to "
        "its end; ask for less in one call, or stream it"
    )


def too_long_stream(origin: str, max_bytes: int = MAX_STREAM_BYTES) -> LLMResponseError:
    """The stream passes its cap."""
    return LLMResponseError(
        f"the stream of {origin} passed {max_bytes:,} bytes without an end and was closed"
    )


def one_line(err: BaseException) -> str:
    """An exception's name and the start of its text."""
    text = " ".join(str(err).split())
    return f"{type(err).__name__}: {text[:200]}" if text else type(err).__name__
