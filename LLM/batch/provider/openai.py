"""The batch endpoint of OpenAI, and of those that have the same: Groq, Mistral, Together, vLLM's.

A file of requests is uploaded, a batch is made of it, and its results are two files: answers, and
errors. A batch asks one model by one path.

Source: https://platform.openai.com/docs/api-reference/batch; Batch of openai 3.54.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from pydantic import Field
from pydantic_core import to_json

from LLM.batch.calls import ANSWER_SHAPES
from LLM.batch.parsing import URLS
from LLM.batch.provider.calls import Calls
from LLM.batch.provider.parts import Part, request_line
from LLM.batch.provider.types import BatchState, Lines, Problem, Result, SentRequests
from LLM.batch.types import BatchRequest
from LLM.codec import Source, decode_answer, encode_body
from LLM.error_response import api_error, error_details
from LLM.exceptions import LLMAPIError, LLMError
from LLM.multipart import file_form
from LLM.secrets import scrub
from LLM.types import OpenAIModel

#: Most pages of a list that are read.
_MAX_PAGES = 100
#: Where our mark stands in a batch's metadata, for who looks at the batch elsewhere.
_MARK = "llm_kit_part"
_ENDED = frozenset({"completed", "expired", "cancelled"})


class _File(OpenAIModel):
    id: str = Field(min_length=1)
    filename: str | None = None
    bytes: int | None = None


class _Files(OpenAIModel):
    data: list[_File] = Field(fail_fast=True)
    has_more: bool | None = None


class _Deleted(OpenAIModel):
    deleted: bool


class _Problem(OpenAIModel):
    code: str | None = None
    message: str | None = None
    line: int | None = None


class _Problems(OpenAIModel):
    data: list[_Problem] | None = Field(default=None, fail_fast=True)


class _Counts(OpenAIModel):
    completed: int = 0
    failed: int = 0


class _Batch(OpenAIModel):
    id: str = Field(min_length=1)
    status: str
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _Problems | None = None
    request_counts: _Counts | None = None


class _Batches(OpenAIModel):
    data: list[_Batch] = Field(fail_fast=True)
    has_more: bool | None = None


_PageT = TypeVar("_PageT", _Files, _Batches)


class OpenAIBatches:
    """The batch endpoint in OpenAI's form."""

    name = "openai"
    urls = URLS
    max_requests = 50_000
    #: "Up to 200 MB", by whichever of the two meanings is smaller.
    max_bytes = 200_000_000

    def group(self, request: BatchRequest) -> str:
        """Path and model."""
        return f"{request.url} {request.body.get('model')}"

    def weight(self, request: BatchRequest) -> int:
        """A request for embeddings counts for as many texts as it has."""
        if request.url != "/v1/embeddings":
            return 1
        texts = request.body.get("input")
        is_several = isinstance(texts, list) and not all(isinstance(text, int) for text in texts)
        return len(texts) if is_several and isinstance(texts, list) else 1

    def wire_id(self, mark: str, n: int, custom_id: str) -> str:
        """The caller's own name, by which the results can be read elsewhere, too."""
        return custom_id

    def wire_line(self, request: BatchRequest, wire_id: str) -> bytes:
        """The line of the input file, as it was."""
        return request_line(request)[:-1]

    def submit(self, part: Part, lines: Lines, calls: Calls, save: Callable[[], None]) -> None:
        """Upload the requests and make a batch of them, once each."""
        if part.file_id is None:
            file = SentRequests(f"llm-kit-{part.mark}.jsonl", lines, part.size_bytes)
            part.file_id = None if part.is_new else self._uploaded(file, calls)
            part.file_id = part.file_id or self._upload(file, calls)
            save()
        if part.creating:
            part.batch_id = self._made(part, calls)
        if part.batch_id is None:
            part.creating = True
            save()
            body = encode_body(
                {
                    "input_file_id": part.file_id,
                    "endpoint": part.url,
                    "completion_window": "24h",
                    "metadata": {_MARK: part.mark},
                }
            )
            part.batch_id = calls.deliver(
                lambda: calls.send("POST", "/batches", body, _Batch).id,
                lambda: self._made(part, calls),
            )
        part.creating = False
        save()

    def look(self, batch_id: str, calls: Calls) -> BatchState:
        """How a batch is."""
        batch = calls.get(f"/batches/{calls.id_path(batch_id)}", _Batch)
        counts = batch.request_counts or _Counts()
        files = [batch.output_file_id, batch.error_file_id]
        problems: tuple[Problem, ...] = ()
        if batch.status == "failed":
            told = (batch.errors.data if batch.errors else None) or [_Problem()]
            problems = tuple(Problem(p.code, p.message or "no reason given", p.line) for p in told)
        return BatchState(
            status=batch.status,
            is_over=batch.status in _ENDED,
            n_done=counts.completed + counts.failed,
            problems=problems,
            result_paths=tuple(
                f"/files/{calls.id_path(file_id)}/content" for file_id in files if file_id
            ),
        )

    def result(self, fields: dict[str, Any], request: BatchRequest, calls: Calls) -> Result:
        """An answer as that of a single call, with what was refused as its error."""
        source = Source(calls.source.provider, request.body.get("model"), calls.source.secret)
        response = fields.get("response")
        try:
            if isinstance(response, dict):
                return _answered(response, request, source)
            raise _unanswered(fields.get("error"), source)
        except LLMError as err:
            request_id = response.get("request_id") if isinstance(response, dict) else None
            if err.request_id is None and isinstance(request_id, str):
                err.request_id = request_id
            return Result(
                error=err, status_code=err.status_code, request_id=err.request_id, model=err.model
            )

    def clean_up(self, part: Part, calls: Calls) -> None:
        """Delete the file of requests; those of results are the account's."""
        if part.file_id is None:
            return
        path = f"/files/{calls.id_path(part.file_id)}"
        calls.send("DELETE", path, None, _Deleted)

    def cancel(self, batch_id: str, calls: Calls) -> None:
        """End a batch."""
        path = f"/batches/{calls.id_path(batch_id)}/cancel"
        calls.tries(lambda: calls.send("POST", path, b"{}", _Batch))

    def _upload(self, file: SentRequests, calls: Calls) -> str:
        def send() -> str:
            return calls.upload("/files", file_form(file, {"purpose": "batch"}), _File).id

        return calls.deliver(send, lambda: self._uploaded(file, calls))

    def _uploaded(self, file: SentRequests, calls: Calls) -> str | None:
        """The id of a file that a try before has left; None for none."""
        for page in _pages(lambda query: calls.get(f"/files?purpose=batch&{query}", _Files), calls):
            for found in page.data:
                if found.filename == file.filename and found.bytes in (None, file.size_bytes):
                    return found.id
        return None

    def _made(self, part: Part, calls: Calls) -> str | None:
        """The batch that was made of the part's file, if one was."""
        for page in _pages(lambda query: calls.get(f"/batches?{query}", _Batches), calls):
            for batch in page.data:
                if batch.input_file_id == part.file_id and batch.id not in part.past_ids:
                    return batch.id
        return None


def _pages(ask: Callable[[str], _PageT], calls: Calls) -> Iterator[_PageT]:
    """The pages of a list."""
    query = "limit=100"
    for _ in range(_MAX_PAGES):
        page = calls.tries(partial(ask, query))
        yield page
        if not page.has_more or not page.data:
            return
        query = f"limit=100&after={calls.id_path(page.data[-1].id)}"


def _answered(response: dict[str, Any], request: BatchRequest, source: Source) -> Result:
    status, body = response.get("status_code"), to_json(response.get("body"))
    if type(status) is not int:
        raise source.error("gave a result without a status", code="unreadable_result")
    if not 200 <= status < 300:
        raise api_error(
            status,
            {},
            body,
            provider=source.provider,
            model=source.model,
            secret=source.secret,
            now=0.0,
        )
    answered = decode_answer(ANSWER_SHAPES[request.url], body, status, source)
    request_id = response.get("request_id")
    return Result(
        answer=body,
        status_code=status,
        request_id=request_id if isinstance(request_id, str) else None,
        model=answered.model or source.model,
        usage=answered.usage,
    )


def _unanswered(error: Any, source: Source) -> LLMError:
    """The error of a request that the provider has not asked its model: expired, cancelled."""
    if not isinstance(error, dict):
        return source.error("gave a result that cannot be read", code="unreadable_result")
    error = scrub(error, source.secret)
    details = error_details({"error": error})
    code = details["code"] or details["type"]
    return LLMAPIError(
        f"{source.provider} gave no answer in its batch: "
        f"{details['message'] or code or 'no reason given'}",
        provider=source.provider,
        model=source.model,
        body=error,
        code=code,
    )
