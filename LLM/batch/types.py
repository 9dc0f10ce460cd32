"""What a job is made of: requests, how they ended, what it all came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

from LLM.exceptions import LLMError
from LLM.types import Usage

#: The paths that a request of a job may name, as OpenAI's batch files have them.
BatchURL = Literal["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"]

#: Who makes the calls: this process; a Ray cluster; the provider's own batch endpoint.
EngineName = Literal["threads", "ray", "provider"]


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request of a job.

    :param index: its place in the input, from 0.
    :param custom_id: the caller's name for it, unlike all others of the job.
    :param url: what is called.
    :param body: the call's fields, in OpenAI's words, as they are sent.
    :param content: `body` as one line of JSON.
    :param id: ``batch_req_`` and a digest of `url` and `content`: requests of the same words have
        the same, in whatever job.
    """

    index: int
    custom_id: str
    url: BatchURL
    body: Mapping[str, Any] = field(repr=False)
    content: bytes = field(repr=False)
    id: str


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """How one request ended: with an answer, or with an error, never with both.

    :param request: what was asked.
    :param answer: the answer's body as one line of JSON, in OpenAI's shape; None where it failed.
    :param error: why it failed for good.
    :param status_code: HTTP status of the answer; None when no answer arrived.
    :param request_id: the provider's id of the request.
    :param model: that answered.
    :param usage: tokens of the answer; None where it does not say.
    :param shared: the answer is that of an earlier request of the same words, and was not paid for.
    """

    request: BatchRequest
    answer: bytes | None = field(default=None, repr=False)
    error: LLMError | None = None
    status_code: int | None = None
    request_id: str | None = None
    model: str | None = None
    usage: Usage | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a job is.

    :param n_requests: requests that the job has to answer in all; None until they are counted.
    :param n_resumed: of these, finished by earlier runs.
    :param n_answered: answered in this run.
    :param n_failed: failed for good in this run.
    :param n_in_flight: being answered now.
    :param prompt_tokens: of this run's answers.
    :param completion_tokens: of this run's answers.
    :param cost: of this run's answers in US dollars; None where no price is known.
    :param elapsed_s: seconds since the run began.
    :param n_waiting: of those in flight, answered at the provider and not fetched yet, as far as it
        tells; 0 for engines that make the calls themselves.
    """

    n_requests: int | None
    n_resumed: int
    n_answered: int
    n_failed: int
    n_in_flight: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    elapsed_s: float
    n_waiting: int = 0

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will about take; None until something has finished."""
        n_finished = self.n_answered + self.n_failed + self.n_waiting
        if self.n_requests is None or not n_finished:
            return None
        n_left = self.n_requests - self.n_resumed - n_finished
        return self.elapsed_s / n_finished * n_left


#: US dollars that an answer of a model has cost; None where its price is not known.
Price = Callable[[str, Usage], float | None]


class BatchOptions(TypedDict, total=False):
    """Settings of a job, as `LLM.batch`, `LLMClient.batch` and `llm-kit batch` take them.

    :param errors: file for requests that failed for good; None for the output's name with
        ``.errors`` before its suffix.
    :param engine: ``threads`` calls from this process; ``provider`` hands the job to the provider's
        own batch endpoint and waits for it.
    :param concurrency: most requests in flight, at least 1; None for 64, or a local model's slots.
    :param limit: answer only the first so many requests, at least 1; None for all.
    :param keep_order: have the output in the input's order, which it gets when the job is complete.
    :param deduplicate: answer requests of the same words once.
    :param retry_errors: ask again what failed for good in an earlier run.
    :param dry_run: read and check everything, count tokens and cost, and send nothing.
    :param progress: True shows a bar on standard error, a function is called some times a second
        at most, False does neither; None shows a bar where standard error is a terminal.
    :param price: prices answers, for the bar, the report and `max_cost`.
    :param max_cost: US dollars that this run may cost, over 0; None for no limit. A request that
        may pass it, beside what is spent and in flight, is not sent, and the job ends by
        `UsageLimitError` when those in flight have ended. It is as exact as `max_tokens` of the
        requests bounds them; without that, the mean of the answers so far is taken.
    """

    errors: str | Path | None
    engine: EngineName
    concurrency: int | None
    limit: int | None
    keep_order: bool
    deduplicate: bool
    retry_errors: bool
    dry_run: bool
    progress: bool | Callable[[BatchProgress], object] | None
    price: Price | None
    max_cost: float | None
