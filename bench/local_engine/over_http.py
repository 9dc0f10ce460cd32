"""Scenarios over HTTP: streams side by side, conversations in turn, a long prompt among streams."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import Any, TypeVar

from local_engine import servers
from local_engine.children import TURN_S, Absent, Child, Server, Worker
from local_engine.findings import Finding, Values
from local_engine.settings import Settings
from local_engine.turns import Taken, in_turns
from local_engine.wire import Answer, ask, listen, prompt_of

T = TypeVar("T")
Messages = list[dict[str, str]]

OURS, NATIVE, BINDING = "local-llm-kit serve", "llama-server", "llama_cpp.server"
_CONTEXT = 2048


def _user(text: str) -> Messages:
    return [{"role": "user", "content": text}]


def _bounded(work: Callable[[Server], Coroutine[Any, Any, T]]) -> Callable[[Server], T]:
    async def run(server: Server) -> T:
        try:
            async with asyncio.timeout(TURN_S):
                return await work(server)
        except TimeoutError as err:
            raise Absent(f"not done within {TURN_S:.0f} s") from err

    return lambda server: asyncio.run(run(server))


# Streams side by side.


def streams(settings: Settings) -> list[Finding]:
    """Tokens a second of 1, 4 and 8 streaming callers."""
    found = []
    for model, tokens, over_native in (("speed-f32", 256, 1.2), ("half-q4_0", 48, 1.0)):
        for callers in (1, 4, 8):
            ours, native, binding = _race(settings, model, callers, tokens, binding=True)
            what = f"{model}, {callers} streams, tokens/s against "
            eight = callers == 8
            rate = _rates(ours)
            found += [
                Finding(
                    "streams", what + NATIVE, rate, _rates(native), over_native if eight else None
                ),
                Finding("streams", what + BINDING, rate, _rates(binding), 3.0 if eight else None),
            ]
    return found


def http(settings: Settings) -> list[Finding]:
    """Tokens a second of eight streams over HTTP, against the engine with nothing around it."""
    found = []
    for model, tokens in (("speed-f32", 256), ("half-q4_0", 128)):
        path, n = settings.model(f"{model}.gguf"), settings.tokens(tokens)
        starts: dict[str, Callable[[], Child]] = {
            OURS: partial(Server, servers.ours(path, 8, _CONTEXT)),
            "the engine alone": partial(settings.worker, "engine", f"{model}.gguf"),
        }
        ours, alone = in_turns(starts, partial(_eight, n_tokens=n), settings.rounds)
        what = f"{model}, 8 streams over HTTP, tokens/s against the engine's"
        found.append(Finding("http", what, _rates(ours), _rates(alone), 0.9))
    return found


def _eight(child: Child, n_tokens: int) -> float:
    """Tokens a second of eight at once."""
    if isinstance(child, Worker):
        turn = child.turn(tokens=n_tokens, callers=8)
        return float(turn["tokens"] / turn["wall_s"])
    assert isinstance(child, Server)
    return _bounded(partial(_side_by_side, callers=8, n_tokens=n_tokens))(child)


def pairs(settings: Settings) -> list[Finding]:
    """Tokens a second of two callers on q8_0."""
    ours, native = _race(settings, "half-q8_0", 2, 48, binding=False)
    what = f"half-q8_0, 2 streams, tokens/s against {NATIVE}"
    return [Finding("pairs", what, _rates(ours), _rates(native), 1.5)]


def _rates(taken: Taken[float]) -> Values:
    return taken.values(float)


def _race(
    settings: Settings, model: str, callers: int, tokens: int, *, binding: bool
) -> list[Taken[float]]:
    path, n_tokens = settings.model(f"{model}.gguf"), settings.tokens(tokens)
    starts = {
        OURS: partial(Server, servers.ours(path, 8, _CONTEXT)),
        NATIVE: partial(Server, servers.native(path, 8, _CONTEXT)),
    }
    if binding:
        command = servers.llama_cpp(settings.peer_python, path, _CONTEXT)
        starts[BINDING] = partial(Server, command)

    turn = partial(_side_by_side, callers=callers, n_tokens=n_tokens)
    return in_turns(starts, _bounded(turn), settings.rounds)


async def _side_by_side(server: Server, callers: int, n_tokens: int) -> float:
    """Tokens a second of so many streams."""
    prompts = map(prompt_of, range(callers))
    begin = time.perf_counter()
    answers = await asyncio.gather(*(ask(server.port, _user(p), n_tokens) for p in prompts))
    if not all(answer.whole for answer in answers):
        raise Absent(f"a stream ended before {n_tokens} tokens")
    return n_tokens * callers / (time.perf_counter() - begin)


# Conversations in turn.

# 256 tokens; a turn adds about 60, a question and the reply to the one before.
_SYSTEM = " ".join(f"Rule {i}: be brief and say what is so." for i in range(1, 17))
_REPLY = "That depends on what is in the store and on who asks for it, as was said before."


def chats(settings: Settings) -> list[Finding]:
    """Milliseconds to the first token of four conversations that take turns.

    llama-server shares one cache between its slots by default, and gives each its own with -np 4.

    The replies are written here, not by the model: all contenders read the same text, and text
    of random weights is not tokenised as it was generated.
    """
    path = settings.model("half-q4_0.gguf")
    natives = {f"{NATIVE}, {cache} cache": cache for cache in ("unified", "split")}
    starts = {OURS: partial(Server, servers.ours(path, 4, _CONTEXT))}
    for name, cache in natives.items():
        starts[name] = partial(Server, servers.native(path, 4, _CONTEXT, cache))
    # A second round would find the first one's text in the caches: each has its own opening.
    ours, *peers = in_turns(starts, _bounded(_Conversations(settings).turn), settings.rounds)
    return [
        Finding(
            "chats",
            f"half-q4_0, 4 chats, turn {turn + 1}, {what}",
            ours.values(itemgetter(2 * turn + i)),
            peer.values(itemgetter(2 * turn + i)),
            0.5 if turn == 2 and i == 0 else None,
            at_least=False,
        )
        for peer in peers
        for turn in range(3)
        for i, what in enumerate(("ms to the first token", "tokens read"))
    ]


class _Conversations:
    """Four conversations with one system prompt, three turns each, interleaved."""

    def __init__(self, settings: Settings) -> None:
        self._rounds: dict[int, int] = {}
        n_words = settings.tokens(len(_SYSTEM.split()))
        self._system = " ".join(_SYSTEM.split()[:n_words])

    async def turn(self, server: Server) -> list[float]:
        """For each turn milliseconds to the first token and tokens read, means of the four."""
        number = self._rounds[server.port] = self._rounds.get(server.port, 0) + 1
        system = {"role": "system", "content": f"Day {number}. {self._system}"}
        chats: list[Messages] = [[system] for _ in range(4)]
        found: list[float] = []
        for turn in range(3):
            taken = [await self._say(server, chat, who, turn) for who, chat in enumerate(chats)]
            found.append(statistics.mean(answer.to_first_s for answer in taken) * 1e3)
            found.append(statistics.mean(answer.n_read or 0 for answer in taken))
        return found

    async def _say(self, server: Server, chat: Messages, who: int, turn: int) -> Answer:
        text = f"This is caller {who} asking for the {turn + 1}. time: what is there to be had?"
        chat += _user(text)
        answer = await ask(server.port, chat, 4)
        if not answer.arrivals or answer.n_read is None:
            raise Absent("an answer without text, or that does not tell what was cached")
        chat.append({"role": "assistant", "content": _REPLY})
        return answer


# A long prompt among streams.


def gaps(settings: Settings) -> list[Finding]:
    """Seconds of the largest gap between tokens of three streams beside a 1,400-token prompt."""
    path = settings.model("half-q4_0.gguf")
    starts = {
        OURS: partial(Server, servers.ours(path, 4, _CONTEXT)),
        NATIVE: partial(Server, servers.native(path, 4, _CONTEXT)),
    }
    long = _Long(settings)
    ours, native = in_turns(starts, _bounded(long.turn), settings.rounds)
    return [
        Finding(
            "gaps",
            f"half-q4_0, 3 streams beside a long prompt, largest gap, {what}",
            ours.values(itemgetter(i)),
            native.values(itemgetter(i)),
            target,
            at_least=False,
        )
        for i, (what, target) in enumerate((("s", 0.15), ("s to its first token", None)))
    ]


class _Long:
    """Three streams, and after a while a prompt that no cache holds."""

    def __init__(self, settings: Settings) -> None:
        self._round = 0
        self._n_words = settings.tokens(
            280
        )  # of five tokens each: digits and spaces are single ones

    async def turn(self, server: Server) -> tuple[float, float]:
        """The largest gap while the prompt was read, and the seconds to its own first token."""
        self._round += 1
        short = [Answer(time.perf_counter()) for _ in range(3)]
        tasks = [
            asyncio.create_task(listen(server.port, _user(f"Stream {i}: count."), 1500, answer))
            for i, answer in enumerate(short)
        ]
        try:
            while not all(len(answer.arrivals) >= 4 for answer in short):
                if failed := [task for task in tasks if task.done()]:
                    raise Absent(f"a stream ended early: {failed[0].exception()!r}")
                await asyncio.sleep(0.01)
            words = " ".join(f"{self._round}{i:03d}" for i in range(self._n_words))
            answer = await ask(server.port, _user(words), 1)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not answer.arrivals:
            raise Absent("the long prompt had no answer")
        return max(_largest_gap(one, answer) for one in short), answer.to_first_s


def _largest_gap(stream: Answer, beside: Answer) -> float:
    """Between neighbours of which one at least came while `beside` waited for its first text."""
    end = beside.arrivals[0]
    times = [*(t for t in stream.arrivals if t < end), end]
    times = times[max(0, sum(t <= beside.asked for t in times) - 1) :]
    return max(later - earlier for earlier, later in pairwise(times))
