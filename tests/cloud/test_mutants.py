"""Answers of every provider, spoilt at random: what comes of them is an answer or an `LLMError`."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from cloud.llm.client import ChatClient
from tests.cloud.play import PROVIDERS, SETTINGS, Outcome, Provider, decoded, outcome
from tests.cloud.scripts import Script

pytestmark = pytest.mark.slow

MUTANTS = 8
ODD: list[Any] = [
    None, True, 0, -1, 5, 10**30, 1.5, 1e308, "", "x", "\ud83d", "\0", [], {}, [None], [5], ["x"],
    [{}], [[]], {"": None}, {"type": 5}, {"a": {"b": []}}, "9" * 5000, "{", "null",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def spoilt(value: Any, rng: random.Random) -> Any:
    """A copy of a JSON value, one of the values inside it replaced or taken away."""
    path = rng.choice(list(places(value)))
    if not path:
        return rng.choice(ODD)
    value = copy.deepcopy(value)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    if rng.random() < 0.25:
        del holder[path[-1]]
    else:
        holder[path[-1]] = rng.choice(ODD)
    return value


def spoilt_stream(stream: bytes, rng: random.Random) -> bytes:
    """A stream with one of its lines spoilt, left out, doubled or moved."""
    lines = stream.split(b"\n")
    at = rng.randrange(len(lines))
    head, brace, text = lines[at].partition(b"{")
    how = rng.randrange(8)
    if how < 5 and brace:
        try:
            found = spoilt(json.loads(brace + text), rng)
        except ValueError:
            found = None
        lines[at] = head + json.dumps(found).encode()
    elif how == 5:
        del lines[at]
    elif how == 6:
        lines.insert(at, lines[at])
    else:
        lines.insert(rng.randrange(len(lines)), lines.pop(at))
    return b"\n".join(lines)


def spoilt_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes with a few of them taken away or replaced."""
    at, count = rng.randrange(len(data) + 1), rng.randrange(1, 8)
    return data[:at] + rng.randbytes(rng.randrange(3)) + data[at + count :]


def is_whole(found: Outcome) -> bool:
    """Whether an outcome is an answer that says why it ended, or an error that says what failed."""
    return bool(found["message"] if "error" in found else found["finish_reason"])


SCRIPTS = [
    pytest.param(provider, script, id=f"{provider.name}-{script.name}")
    for provider in PROVIDERS
    for script in provider.scripts
    if script.status == 200 and not isinstance(script.plain, bytes)
]


@pytest.fixture(scope="module")
def clients() -> dict[str, ChatClient]:
    address = "http://127.0.0.1:9"
    return {p.name: p.client(base_url=address, **SETTINGS) for p in PROVIDERS}


@pytest.mark.parametrize(("provider", "script"), SCRIPTS)
def test_spoilt_answers_are_answers_or_errors(
    clients: Any, provider: Provider, script: Script
) -> None:
    client = clients[provider.name]
    source = client._source(client.model)
    rng = random.Random(script.name)
    for _ in range(MUTANTS):
        body = json.dumps(spoilt(script.plain, rng)).encode()
        for data in (body, spoilt_bytes(body, rng)):
            assert is_whole(outcome(lambda d=data: client.codec.response(d, 200, source))), data


@pytest.mark.parametrize(("provider", "script"), [p for p in SCRIPTS if p.values[1].stream])
def test_spoilt_streams_are_answers_or_errors(
    clients: Any, provider: Provider, script: Script
) -> None:
    client = clients[provider.name]
    rng = random.Random(script.name)
    for _ in range(MUTANTS):
        for spoil in (spoilt_stream, spoilt_bytes):
            stream = spoil(script.stream or b"", rng)
            mutant = Script(script.name, stream=stream)
            found = decoded(client, mutant, 1 << 20)
            assert is_whole(found), stream
            assert decoded(client, mutant, 7) == found, stream
