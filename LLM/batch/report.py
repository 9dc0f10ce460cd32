"""What a job came to: counts, cost, and its results, which are read when they are asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from pydantic import ValidationError

from LLM.batch.lines import Record, error_of, read_line
from LLM.exceptions import LLMError, LLMResponseError
from LLM.types import ChatCompletionResponse, CompletionResponse
from LLM.usage import UsageTotals

#: Reads a line by its place, and whether it tells of a failure.
LineAt = Callable[[int, bool], bytes]


@dataclass(frozen=True)
class BatchResult:
    """How one request ended.

    :param custom_id: the caller's name for it.
    :param body: the answer's body in OpenAI's shape; what the server said where it failed; None
        where nothing arrived.
    :param error: why it failed for good; None when it was answered.
    """

    custom_id: str
    body: dict[str, Any] | None = field(repr=False)
    error: LLMError | None

    @classmethod
    def of(cls, record: Record) -> BatchResult:
        """The result that a line tells of."""
        body = (record.response or {}).get("body")
        return cls(record.custom_id, body, error_of(record))

    @cached_property
    def response(self) -> ChatCompletionResponse | CompletionResponse:
        """The answer of a chat or text completion; other calls have their `body` alone.

        :raises LLMError: the request has failed: its `error`.
        :raises LLMResponseError: it is the answer of another call.
        """
        if self.error is not None:
            raise self.error
        body: Any = self.body
        choices = body.get("choices") if isinstance(body, dict) else None
        first = choices[0] if isinstance(choices, list) and choices else None
        is_text = isinstance(first, dict) and "text" in first
        shape = CompletionResponse if is_text else ChatCompletionResponse
        try:
            return shape.model_validate(body)
        except ValidationError:
            problem = f"{self.custom_id!r} was not answered with a completion; see its body"
        raise LLMResponseError(problem)

    @property
    def text(self) -> str:
        """Text of the answer's first choice, as `response` has it."""
        return self.response.text


class BatchResults(Sequence[BatchResult]):
    """Results in the input's order, each read from the output when it is asked for.

    :param line_at: reads a line.
    :param places: of each request: twice the place of its line, plus one for a failure.
    """

    def __init__(self, line_at: LineAt, places: array[int]) -> None:
        self._line_at = line_at
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[BatchResult]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> BatchResult: ...

    @overload
    def __getitem__(self, index: slice) -> list[BatchResult]: ...

    def __getitem__(self, index: int | slice) -> BatchResult | list[BatchResult]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        place = self._places[index]
        record = read_line(self._line_at(place >> 1, bool(place & 1)))
        if record is None:
            raise LLMError(
                f"result {index} cannot be read: the job's output was changed or moved since"
            )
        return BatchResult.of(record)


@dataclass(frozen=True, slots=True)
class BatchEstimate:
    """What a job would take, told by a dry run.

    :param n_requests: requests that would be sent.
    :param n_distinct: of these, requests of different words: what `deduplicate` would send.
    :param prompt_tokens: of the requests that would be sent.
    :param is_exact: the model's own tokenizer has counted; otherwise it is a guess by the bytes.
    :param max_completion_tokens: most tokens that the answers may have; None where a request sets
        no bound.
    :param prompt_cost: US dollars for the prompts; None where a price is not known.
    :param max_cost: most that prompts and answers may cost; None where either is not known.
    """

    n_requests: int
    n_distinct: int
    prompt_tokens: int
    is_exact: bool
    max_completion_tokens: int | None
    prompt_cost: float | None
    max_cost: float | None


@dataclass(frozen=True)
class BatchReport:
    """What a job came to. Printed, it is a short table.

    :param n_requests: requests of the job, `limit` respected.
    :param n_answered: of these, answered by now, in whatever run.
    :param n_failed: failed for good.
    :param n_resumed: answered or failed in earlier runs.
    :param n_shared: ended in this run as an earlier request of the same words had, unsent.
    :param usage: tokens of this run's answers, shared ones not counted.
    :param cost: of this run's answers in US dollars; None where a price is not known.
    :param elapsed_s: seconds that this run took.
    :param output: file of the answers; None for a job in memory.
    :param errors: file of the failures; None when there are none, or for a job in memory.
    :param estimate: what a dry run has found; then nothing was sent.
    :param results: in the input's order. Of an output that is a table there are none here.
    """

    n_requests: int
    n_answered: int
    n_failed: int
    n_resumed: int
    n_shared: int
    usage: UsageTotals
    cost: float | None
    elapsed_s: float
    output: Path | None = None
    errors: Path | None = None
    estimate: BatchEstimate | None = None
    results: BatchResults = field(
        default_factory=lambda: BatchResults(lambda *_: b"", array("Q")), repr=False, compare=False
    )

    def __str__(self) -> str:
        rows = _estimate_rows(self.estimate) if self.estimate else self._rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("requests", f"{self.n_requests:,}"), ("answered", f"{self.n_answered:,}")]
        counts = {"failed": self.n_failed, "resumed": self.n_resumed, "shared": self.n_shared}
        rows += [(name, f"{count:,}") for name, count in counts.items() if count]
        usage = self.usage
        tokens = f"{usage.prompt_tokens:,} prompt, {usage.completion_tokens:,} completion"
        guessed = f" ({usage.estimated_calls:,} answers estimated)" * bool(usage.estimated_calls)
        rows.append(("tokens", tokens + guessed))
        if self.cost is not None:
            rows.append(("cost", f"${self.cost:,.4f}"))
        rows.append(("time", f"{self.elapsed_s:,.1f} s"))
        files = {"output": self.output, "errors": self.errors}
        return rows + [(name, str(path)) for name, path in files.items() if path is not None]


def _estimate_rows(estimate: BatchEstimate) -> list[tuple[str, str]]:
    about = "" if estimate.is_exact else "about "
    most = estimate.max_completion_tokens
    rows = [
        ("would send", f"{estimate.n_requests:,} requests"),
        ("distinct", f"{estimate.n_distinct:,}"),
        ("prompt tokens", f"{about}{estimate.prompt_tokens:,}"),
        ("completion", "no bound is set" if most is None else f"at most {most:,} tokens"),
    ]
    if estimate.prompt_cost is not None:
        rows.append(("prompts cost", f"{about}${estimate.prompt_cost:,.4f}"))
    if estimate.max_cost is not None:
        rows.append(("all costs", f"at most {about}${estimate.max_cost:,.4f}"))
    return rows
