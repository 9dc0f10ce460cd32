"""The servers of models on this machine, told apart by what they answer."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from io import BufferedReader
from socket import socket
from typing import Any

from LLM.deadline_reader import DeadlineReader, ReadSide
from LLM.extras import how_to_add
from local_llm_kit.doctor.finding import Finding, counted

#: Seconds that a server has for all questions together.
TIMEOUT_S = 0.3
_MAX_ANSWER_BYTES = 1 << 20

OLLAMA_PORT = 11434
#: Where servers usually listen: Ollama, LM Studio, llama-server, vLLM and our own.
USUAL_PORTS = (OLLAMA_PORT, 1234, 8080, 8000)

#: Programs by whom they name as the owner of a model.
_OWNERS = {
    "vllm": "vLLM",
    "llamacpp": "llama-server",
    "organization_owner": "LM Studio",
    "library": "Ollama",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A server.

    :param kind: the program's name, or what else is known.
    :param n_models: models that it lists; None where it does not say.
    """

    host: str
    port: int
    kind: str
    n_models: int | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}"


def find_servers(places: Iterable[tuple[str, int]], timeout_s: float = TIMEOUT_S) -> list[Found]:
    """The servers at some places, all asked at once.

    :param places: hosts and ports.
    :param timeout_s: seconds that each has.
    """
    wanted = list(dict.fromkeys(places))
    with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as pool:
        answers = pool.map(lambda place: identify(place[0], place[1], timeout_s), wanted)
        return [found for found in answers if found is not None]


def usual_places(environ: Mapping[str, str] = os.environ) -> list[tuple[str, int]]:
    """The usual ports of this machine, and where ``OLLAMA_HOST`` points."""
    places = [("127.0.0.1", port) for port in USUAL_PORTS]
    own = ollama_place(environ.get("OLLAMA_HOST", ""))
    return places if own is None else [own, *places]


def ollama_place(host: str) -> tuple[str, int] | None:
    """Host and port of ``OLLAMA_HOST``, as Ollama spells it; None without one, or with ``https``.

    An address that means every one, at which a server may listen, is asked on this machine.
    """
    match = re.fullmatch(r"(?:http://)?(\[[0-9A-Fa-f:]+\]|[\w.-]*)(?::(\d{1,5}))?/?", host.strip())
    if match is None or not host.strip():
        return None
    name = match[1].strip("[]")
    port = int(match[2]) if match[2] else 80 if host.strip().startswith("http://") else OLLAMA_PORT
    local = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}
    return (local.get(name, name), port) if 0 < port < 1 << 16 else None


def identify(host: str, port: int, timeout_s: float) -> Found | None:
    """Which server listens somewhere; None when nobody does.

    :param timeout_s: seconds for all questions together.
    """
    deadline = time.monotonic() + timeout_s
    try:
        # Ours first: it answers Ollama's questions too.
        health = _ask(host, port, "/health", deadline)
        if isinstance(health, dict) and {"slots", "running", "waiting"} <= health.keys():
            models = _ask(host, port, "/v1/models", deadline)
            return Found(host, port, "llm-kit", _count(models, "data"))
        version = _ask(host, port, "/api/version", deadline)
        if isinstance(version, dict) and isinstance(version.get("version"), str):
            tags = _ask(host, port, "/api/tags", deadline)
            return Found(host, port, "Ollama", _count(tags, "models"))
        models = _ask(host, port, "/v1/models", deadline)
        return Found(host, port, _kind_by(models), _count(models, "data"))
    except _Nobody:
        return None
    except TimeoutError:
        return Found(host, port, "a program that does not answer in time")
    except (OSError, HTTPException):
        return Found(host, port, "a program that is no web server")


class _Nobody(Exception):
    """No connection can be made: it is refused, or the name has no address."""


class _Connection(HTTPConnection):
    """A connection whose answer must be there by `deadline`, a reading of the monotonic clock.

    :raises TimeoutError: that has passed.
    """

    def __init__(self, host: str, port: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:  # which a socket would take for something else
            raise TimeoutError
        super().__init__(host, port, timeout=left)
        self._deadline = deadline

    def response_class(self, sock: socket, **kwargs: Any) -> HTTPResponse:  # type: ignore[override]  # a class there
        """The answer, read in time."""
        side = ReadSide(BufferedReader(DeadlineReader(sock, self._deadline)))
        return HTTPResponse(side, **kwargs)  # type: ignore[arg-type]  # a stand-in


def _connect(connection: _Connection) -> None:
    try:
        connection.connect()
    except TimeoutError:
        raise
    except (OSError, ValueError) as err:  # ValueError: the network has no such names
        raise _Nobody from err


def _ask(host: str, port: int, path: str, deadline: float) -> Any:
    """What a path answers: JSON, the status where that is not 200, or None.

    :raises _Nobody: nobody listens there.
    :raises OSError: the answer does not come, or not in time.
    :raises HTTPException: what answers is no HTTP.
    """
    connection = _Connection(host, port, deadline)
    try:
        _connect(connection)
        connection.request("GET", path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read(_MAX_ANSWER_BYTES)
    finally:
        connection.close()
    if answer.status != 200:
        return answer.status
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _kind_by(models: Any) -> str:
    """A server's name by the models that it lists."""
    if models in (401, 403):
        return "a server that asks for a key"
    cards = models.get("data") if isinstance(models, dict) else None
    if not isinstance(cards, list):
        return "another web server"
    owners = [card.get("owned_by") for card in cards if isinstance(card, dict)]
    known = [_OWNERS[owner] for owner in _OWNERS if owner in owners]
    return known[0] if known else "a server with OpenAI's API"


def _count(answer: Any, name: str) -> int | None:
    items = answer.get(name) if isinstance(answer, dict) else None
    return len(items) if isinstance(items, list) else None


def check_servers(found: Iterable[Found], has_ollama_package: bool) -> list[Finding]:
    """What is said of the servers that were found.

    :param has_ollama_package: whether models of an Ollama server can be called from here.
    """
    findings = [_described(one, has_ollama_package) for one in found]
    none = Finding("servers", "none", "note", "nothing listens at the usual ports")
    return findings or [none]


def _described(found: Found, has_ollama_package: bool) -> Finding:
    said = "" if found.n_models is None else f", {counted(found.n_models, 'model')}"
    text = f"{found.kind}{said}"
    if found.kind != "Ollama":
        return Finding("servers", found.url, "ok", text)
    if not has_ollama_package:
        fix = f"to call its models, {how_to_add('ollama')}"
        return Finding("servers", found.url, "note", text, fix)
    if not found.n_models:
        return Finding("servers", found.url, "note", text, "ollama pull NAME brings one")
    return Finding("servers", found.url, "ok", text)
