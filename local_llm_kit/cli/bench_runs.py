"""Measuring a model: callers side by side, and what their streams tell.

A run is a number of callers that ask at the same moment, each with a prompt of its own, so that
nothing of it is in the cache. Three numbers come of it:

- prompt tokens a second: all tokens that had to be read, over the time until the last caller has
  its first piece;
- generated tokens a second: all tokens after the callers' first ones, over the time from the first
  piece of any to the last piece of all;
- the time to the first piece, of each caller.

Of several runs the median counts, and the least and the most are told beside it. A run before them
warms up and is thrown away.
"""

from __future__ import annotations

import random
import statistics
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from LLM.exceptions import LLMServerError
from local_llm_kit.cli.answerer import Answerer
from local_llm_kit.cli.pace import Pace

#: Words that make the prompts; of no meaning, and with no end in sight.
_WORDS = (
    "stone river green seven window travel quiet paper market yellow engine garden winter bridge "
    "letter island copper number morning ladder forest simple mirror planet butter corner"
).split()


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Level:
    """What so many callers got.

    :param callers: that asked at the same moment.
    :param n_prompt: tokens of a prompt that had to be read, on average.
    :param n_generated: tokens of an answer, on average.
    :param prompt_per_s: prompt tokens a second of all callers together.
    :param generated_per_s: generated tokens a second of all callers together.
    :param first_s: seconds until a caller's first piece.
    """

    callers: int
    n_prompt: float
    n_generated: float
    prompt_per_s: Spread
    generated_per_s: Spread
    first_s: Spread

    def to_dict(self) -> dict[str, Any]:
        """The level as JSON takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Load:
    """What each caller asks for.

    :param n_words: words of a prompt.
    :param arguments: of the call, `max_tokens` among them.
    """

    n_words: int
    arguments: dict[str, Any]


def measure(
    answerer: Answerer, load: Load, callers: int, n_runs: int, ran: Callable[[], None]
) -> Level:
    """Measure so many callers.

    :param n_runs: runs that count; one more warms up.
    :param ran: called after each run.
    :raises LLMServerError: the answers had no text, or no token counts.
    """
    runs = []
    for i in range(n_runs + 1):
        paces = _run(answerer, load, callers)
        if i:
            runs.append(paces)
        ran()
    every = [pace for paces in runs for pace in paces]
    return Level(
        callers,
        n_prompt=statistics.fmean(pace.n_prompt - pace.n_cached for pace in every),
        n_generated=statistics.fmean(_generated(pace) for pace in every),
        prompt_per_s=Spread.of([_prompt_rate(paces) for paces in runs]),
        generated_per_s=Spread.of([_generated_rate(paces) for paces in runs]),
        first_s=Spread.of([_first_s(pace) for pace in every]),
    )


def _run(answerer: Answerer, load: Load, callers: int) -> list[Pace]:
    """Ask at the same moment; the times of all callers count from it."""
    start = threading.Barrier(callers)
    prompts = [prompt(load.n_words) for _ in range(callers)]

    def ask(text: str) -> Pace:
        start.wait()
        pace = Pace()
        messages = [{"role": "user", "content": text}]
        with answerer.stream(messages, load.arguments) as stream:
            for _ in pace.pieces(stream):
                continue
        return pace

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(ask, prompts))


def prompt(n_words: int) -> str:
    """A text that no cache has: it differs from every other in its first words."""
    words = random.choices(_WORDS, k=n_words)
    return f"{random.getrandbits(48):x} {' '.join(words)}"


def _generated(pace: Pace) -> int:
    if pace.n_tokens is None:
        raise LLMServerError(
            "the server sends no token counts with its streams; only one that honours "
            "stream_options.include_usage can be measured"
        )
    return pace.n_tokens


def _first_s(pace: Pace) -> float:
    if pace.first_s is None:
        raise LLMServerError(
            "an answer had no text; measure with more --generate, or another model"
        )
    return pace.first_s


def _prompt_rate(paces: Sequence[Pace]) -> float:
    return sum(pace.n_prompt - pace.n_cached for pace in paces) / max(map(_first_s, paces))


def _generated_rate(paces: Sequence[Pace]) -> float:
    elapsed_s = max(pace.last_s for pace in paces) - min(map(_first_s, paces))
    n_tokens = sum(_generated(pace) - 1 for pace in paces)
    if elapsed_s <= 0:
        raise LLMServerError("an answer came in one piece; measure with more --generate")
    return n_tokens / elapsed_s
