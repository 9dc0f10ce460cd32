"""What all tests stand on: loopback only, no settings of the machine, one local server."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# The same examples in every run, and as long as they take: a busy machine fails no test.
hypothesis.settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")

_FOREIGN_SETTINGS = (
    "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
    "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "GEMINI_API_KEY", "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_API_KEY", "GROQ_API_KEY",
    "GOOGLE_GEMINI_BASE_URL", "HF_ENDPOINT", "HF_TOKEN",
    "LLM_CASSETTE", "LLM_DEBUG",
    "LLMRING_ADMIN_KEY", "LLMRING_ADMIN_KEY_FILE", "LLMRING_ALLOW_REMOTE_URLS", "LLMRING_API_KEY",
    "LLMRING_DATABASE_URL", "LLMRING_LOCKFILE_PATH",
    "LLMRING_FILE_ROOTS", "LLMRING_MAX_DOWNLOAD_SIZE_BYTES", "LLMRING_MAX_FILE_SIZE_BYTES",
    "LLMRING_PROFILE", "LLMRING_PROVIDER_TIMEOUT_S",
    "LLMRING_RETRY_ATTEMPTS", "LLMRING_RETRY_BASE_S", "LLMRING_RETRY_MAX_S",
    "LLMRING_SERVER_URL", "LLMRING_STRICT_COST",
    "LOCAL_LLM_KIT_API_KEY", "LOCAL_LLM_KIT_BACKEND",
    "LOCAL_LLM_KIT_CACHE_DIR", "LOCAL_LLM_KIT_CONTEXT_LENGTH", "LOCAL_LLM_KIT_MODEL_PATH",
    "OLLAMA_API_KEY", "OLLAMA_BASE_URL", "OLLAMA_HOST", "OLLAMA_MODELS",
    "OPENAI_API_KEY", "OPENAI_BASE_URL",
    "RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_BACKEND_LOG_LEVEL", "RAY_USAGE_STATS_ENABLED",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
)  # fmt: skip
_ALL_SLOW = re.compile(r"^pytestmark = .*\bpytest\.mark\.slow\b", re.MULTILINE)


class NetworkBlockedError(RuntimeError):
    """A test reached for the network. No client takes it for a failed connection."""


def _require_loopback(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    # RFC 6761: names under .invalid never resolve, so they stand for an unknown host.
    if name.endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if name == "localhost" or name.endswith(".localhost"):
        return
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        address = None
    if address is None or not (address.is_loopback or address.is_unspecified):
        raise NetworkBlockedError(f"tests may reach loopback only, not {name!r}")


_connect, _connect_ex, _getaddrinfo = (
    socket.socket.connect,
    socket.socket.connect_ex,
    socket.getaddrinfo,
)


def _check_address(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        _require_loopback(address[0])


def _guarded_connect(sock: socket.socket, address: Any) -> None:
    _check_address(sock, address)
    _connect(sock, address)


def _guarded_connect_ex(sock: socket.socket, address: Any) -> int:
    _check_address(sock, address)
    return _connect_ex(sock, address)


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    _require_loopback(host)
    return _getaddrinfo(host, *args, **kwargs)


_folder: list[tempfile.TemporaryDirectory[str]] = []


def pytest_configure() -> None:
    for name, guarded in (("connect", _guarded_connect), ("connect_ex", _guarded_connect_ex)):
        setattr(socket.socket, name, guarded)
    socket.getaddrinfo = _guarded_getaddrinfo
    for name in _FOREIGN_SETTINGS:
        os.environ.pop(name, None)
        os.environ.pop(name.lower(), None)
    os.environ["HF_HUB_OFFLINE"] = "1"
    # What rings note of their calls goes into no file of the user's; and noting, some 20 ms for
    # each ring that makes calls, is for the tests of noting.
    os.environ["LLMRING_LOG_METADATA"] = "0"
    _folder.append(tempfile.TemporaryDirectory(prefix="llmring-tests-"))
    os.environ["LLMRING_DATABASE_URL"] = f"{_folder[0].name}/conversations.sqlite"


def _threads_at_work() -> list[threading.Thread]:
    """What keeps this process from ending after half a minute more."""
    last = time.monotonic() + 30
    mine = threading.current_thread()
    while left := [t for t in threading.enumerate() if t is not mine and not t.daemon]:
        left[0].join(max(0.0, last - time.monotonic()))
        if time.monotonic() >= last:
            return left
    return []


_left_in_workers: list[str] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With `-n`: hand over what a worker has left at work, as nobody asks how its process ends."""
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left"] = [str(thread) for thread in _threads_at_work()]
    if _left_in_workers:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _left_in_workers.extend(getattr(node, "workeroutput", {}).get("left", []))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End with an error, instead of never, when a test has left a thread at work."""
    left = _left_in_workers or _threads_at_work()
    if left:
        print(f"\nthreads that tests have left running: {left}", file=sys.stderr, flush=True)
        os._exit(1)
    for folder in _folder:
        folder.cleanup()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape what no UTF-8 has in a report, such as a log of odd file names: xdist sends it so."""
    return _encodable((yield))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_encodable, value))
    return value


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files of slow tests unread where none of them is to run: half of all imports."""
    if config.option.markexpr != "not slow" or not collection_path.is_file():
        return None
    return _ALL_SLOW.search(collection_path.read_text(encoding="utf-8")) is not None or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
        if sys.gettrace() is not None and item.get_closest_marker("measured"):
            item.add_marker(pytest.mark.skip("tracing changes what it measures"))
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def local_server_url() -> Iterator[str]:
    """Address of `local-llm-kit serve --model tiny` on a free port, one for the whole run."""
    from local_server import LocalServer

    with LocalServer("tiny", "127.0.0.1", 0) as server:
        yield server.url
