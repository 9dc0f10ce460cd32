"""Measuring a model: callers side by side, reading and writing apart, as llama-bench does.

A run is a number of callers that ask at the same moment, each with a prompt of its own, so that
nothing of it is in the cache. There are two kinds:

- reading: long prompts, answers of one token. All tokens that had to be read, over the time until
  the last caller has its token; and each caller's time until then, its time to the first token.
- writing: prompts of a line, long answers. All tokens after the callers' first ones, over the time
  from the first piece of any to the last piece of all.

Of several runs the median counts, and the least and the most are told beside it. A run of each kind
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

#: For models whose ends cannot be forbidden.
_WRITING = "Tell me a very long story about a river, with every detail."


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
    :param n_prompt: tokens of a long prompt that had to be read, on average.
    :param n_generated: tokens of a long answer, on average.
    :param prompt_per_s: prompt tokens a second of all callers together.
    :param generated_per_s: generated tokens a second of all callers together.
    :param first_s: seconds until a caller with a long prompt has its first token.
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

    :param n_words: words of a long prompt.
    :param n_generated: most tokens of a long answer.
    :param arguments: of each call, but for `max_tokens`.
    """

    n_words: int
    n_generated: int
    arguments: dict[str, Any]


def measure(
    answerer: Answerer, load: Load, callers: int, n_runs: int, ran: Callable[[], None]
) -> Level:
    """Measure so many callers.

    :param n_runs: runs of each kind that count; one more warms up.
    :param ran: called after each run.
    :raises LLMServerError: the answers had no text, or no token counts.
    """
    kinds = []
    for n_words, max_tokens in ((load.n_words, 1), (0, load.n_generated)):
        arguments = {**load.arguments, "max_tokens": max_tokens}
        runs = []
        for _ in range(n_runs + 1):
            runs.append(_run(answerer, n_words, arguments, callers))
            ran()
        kinds.append(runs[1:])
    reading, writing = kinds
    readers = [pace for paces in reading for pace in paces]
    writers = [pace for paces in writing for pace in paces]
    return Level(
        callers,
        n_prompt=statistics.fmean(map(_read, readers)),
        n_generated=statistics.fmean(map(_written, writers)),
        prompt_per_s=Spread.of([_reading_rate(paces) for paces in reading]),
        generated_per_s=Spread.of([_writing_rate(paces) for paces in writing]),
        first_s=Spread.of([pace.end_s or 0.0 for pace in readers]),
    )


def _run(answerer: Answerer, n_words: int, arguments: dict[str, Any], callers: int) -> list[Pace]:
    """Ask at the same moment; the times of all callers count from it."""
    start = threading.Barrier(callers)
    prompts = [prompt(n_words) for _ in range(callers)]

    def ask(text: str) -> Pace:
        start.wait()
        pace = Pace()
        with answerer.stream([{"role": "user", "content": text}], arguments) as stream:
            for _ in pace.pieces(stream):
                continue
        return pace

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(ask, prompts))


def prompt(n_words: int) -> str:
    """A text that no cache has: it differs from every other in its first words.

    :param n_words: 0 for a line that asks for a long answer.
    """
    words = " ".join(random.choices(_WORDS, k=n_words)) if n_words else _WRITING
    return f"{random.getrandbits(48):x} {words}"


def _read(pace: Pace) -> int:
    """Tokens of a prompt that were not in the cache."""
    _written(pace)
    return pace.n_prompt - pace.n_cached


def _written(pace: Pace) -> int:
    if pace.n_tokens is None:
        raise LLMServerError(
            "the server sends no token counts with its streams; only one that honours "
            "stream_options.include_usage can be measured"
        )
    return pace.n_tokens


def _reading_rate(paces: Sequence[Pace]) -> float:
    return sum(map(_read, paces)) / max(pace.end_s or 0.0 for pace in paces)


def _writing_rate(paces: Sequence[Pace]) -> float:
    firsts = [pace.first_s for pace in paces if pace.first_s is not None]
    elapsed_s = max(pace.last_s for pace in paces) - min(firsts, default=0.0)
    if elapsed_s <= 0:
        raise LLMServerError("an answer came in one piece or none; measure with more --generate")
    return sum(max(0, _written(pace) - 1) for pace in paces) / elapsed_s
