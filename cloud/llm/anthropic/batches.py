"""Anthropic's message batches.

A batch is made in one request, which holds all of its own; its results are one file. There is no
field for a mark of ours, by which a batch could be found that was made just before its maker ended:
the names of its requests begin with one, and they show in its results.

Source: https://platform.claude.com/docs/en/build-with-claude/batch-processing; MessageBatch of
anthropic 2.12.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pydantic import Field
from pydantic_core import to_json

from cloud.llm.anthropic.errors import error_inside
from cloud.llm.base import BaseClient
from cloud.llm.batches import CHAT_URLS, completion_of, prepared_of
from cloud.llm.questions import MAX_PAGES
from LLM.batch.provider.calls import Calls
from LLM.batch.provider.parts import Part
from LLM.batch.provider.types import BatchState, Lines, Result, json_list
from LLM.batch.types import BatchRequest
from LLM.codec import Source
from LLM.exceptions import LLMAPIError, LLMError
from LLM.types import OpenAIModel

PATH = "/messages/batches"


class _Counts(OpenAIModel):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def n_done(self) -> int:
        """Requests that have ended. They are counted only when all have."""
        return self.succeeded + self.errored + self.canceled + self.expired


class _Batch(OpenAIModel):
    id: str = Field(min_length=1)
    processing_status: str
    request_counts: _Counts
    results_url: str | None = None


class _Batches(OpenAIModel):
    data: list[_Batch] = Field(fail_fast=True)
    has_more: bool | None = None


class AnthropicBatches:
    """The batch endpoint of Anthropic.

    :param client: makes Anthropic's requests of calls, and reads its answers.
    """

    name = "anthropic"
    urls = CHAT_URLS
    max_requests = 100_000
    #: "256 MB", by whichever of the two meanings is smaller.
    max_bytes = 256_000_000

    def __init__(self, client: BaseClient) -> None:
        self._client = client

    def group(self, request: BatchRequest) -> str:
        """A batch may ask any models."""
        return ""

    def weight(self, request: BatchRequest) -> int:
        """Each counts for one."""
        return 1

    def wire_id(self, mark: str, n: int, custom_id: str) -> str:
        """Up to 64 letters, digits, ``_`` and ``-``, which a caller's name need not be."""
        return f"{mark}-{n}"

    def wire_line(self, request: BatchRequest, wire_id: str) -> bytes:
        """:raises InvalidRequestError: Anthropic has no form for it; the message names what."""
        params = prepared_of(self._client, request).request.body
        return b'{"custom_id":%b,"params":%b}' % (to_json(wire_id), params)

    def submit(self, part: Part, lines: Lines, calls: Calls, save: Callable[[], None]) -> None:
        """Make the batch, or find the one that a run before has made."""
        if part.creating:
            part.batch_id = self._made(part, calls)
            part.is_certain = part.batch_id is None
        else:
            newest = calls.tries(partial(calls.get, f"{PATH}?limit=1", _Batches)).data
            part.newest_id = newest[0].id if newest else ""
            part.creating = True
            save()
        if part.batch_id is None:
            body = json_list(b'{"requests":[', lines, b"]}", part.size_bytes)

            def found() -> str | None:
                found_id = self._made(part, calls)
                part.is_certain = found_id is None
                return found_id

            part.batch_id = calls.deliver(lambda: calls.upload(PATH, body, _Batch).id, found)
        save()

    def look(self, batch_id: str, calls: Calls) -> BatchState:
        """How a batch is."""
        path = f"{PATH}/{calls.id_path(batch_id)}"
        batch = calls.get(path, _Batch)
        # Read below our own address, and not where `results_url` may lead: the key goes along.
        # There is none once the results are archived, after 29 days.
        paths = (f"{path}/results",) if batch.results_url else ()
        status = batch.processing_status
        return BatchState(
            status=status,
            is_over=status == "ended",
            n_done=batch.request_counts.n_done,
            result_paths=paths,
        )

    def result(self, fields: dict[str, Any], request: BatchRequest, calls: Calls) -> Result:
        """An answer in OpenAI's shape, or why there is none."""
        source = Source(calls.source.provider, request.body.get("model"), calls.source.secret)
        told = fields.get("result")
        told = told if isinstance(told, dict) else {}
        try:
            if told.get("type") != "succeeded":
                raise _failure(told, source)
            response = self._client.codec.response(to_json(told.get("message")), 200, source)
        except LLMError as err:
            source.complete(err)
            return Result(error=err, status_code=err.status_code, request_id=err.request_id)
        return Result(
            answer=completion_of(response, int(time.time())),
            status_code=200,
            request_id=response.id,
            model=response.model,
            usage=response.usage,
        )

    def clean_up(self, part: Part, calls: Calls) -> None:
        """Nothing was uploaded; the batch is the account's, and goes after 29 days."""

    def cancel(self, batch_id: str, calls: Calls) -> None:
        """End a batch."""
        path = f"{PATH}/{calls.id_path(batch_id)}/cancel"
        calls.tries(partial(calls.send, "POST", path, b"{}", _Batch))

    def _made(self, part: Part, calls: Calls) -> str | None:
        """A batch that may be the part's: made since it was begun, and of as many requests."""
        for batch in _newest_first(calls):
            if batch.id == part.newest_id:
                return None
            counts = batch.request_counts
            is_alike = counts.processing + counts.n_done == part.n_requests
            if is_alike and batch.id not in part.past_ids:
                return batch.id
        return None


def _newest_first(calls: Calls) -> Iterator[_Batch]:
    query = "limit=100"
    for _ in range(MAX_PAGES):
        page = calls.tries(partial(calls.get, f"{PATH}?{query}", _Batches))
        yield from page.data
        if not page.has_more or not page.data:
            return
        query = f"limit=100&after_id={calls.id_path(page.data[-1].id)}"


def _failure(told: dict[str, Any], source: Source) -> LLMAPIError:
    kind = told.get("type")
    if kind == "errored" and isinstance(told.get("error"), dict):
        return error_inside(told["error"], 200, source)
    if kind in ("canceled", "expired"):
        # By the names that OpenAI gives the same.
        code = "batch_expired" if kind == "expired" else "batch_cancelled"
        return LLMAPIError(
            f"{source.provider} gave no answer in its batch: the request was {kind}; ask it again "
            "with retry_errors",
            provider=source.provider,
            model=source.model,
            code=code,
        )
    return source.error("gave a result that cannot be read", code="unreadable_result")
