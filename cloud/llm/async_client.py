"""The shell of every provider client for coroutines: the twin of `cloud.llm.client`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from cloud.llm.base import BaseClient, Prepared
from cloud.llm.events import ResponseAssembler, StreamEvent
from cloud.llm.file_source import FileSource
from cloud.llm.files import FileUpload, Patience, Processing, UploadedFile
from cloud.llm.questions import AnswerT, ModelList, Question
from cloud.llm.streams import AsyncEventStream, AsyncTextStream
from cloud.llm.told import chat_told, is_chunk
from cloud.llm.types import ChatResponse
from LLM import telemetry
from LLM.answer import Answer
from LLM.codec import Source
from LLM.exceptions import LLMAPIError, LLMConfigError, LLMError
from LLM.extras import async_transport
from LLM.reading import aread_items
from LLM.telemetry.watch import Watch
from LLM.wire import AsyncStreamedWire

# Loading aiohttp takes 0.3 s, which would hold up the loop that the first client is made in. Where
# it is missing, making a client says so.
with contextlib.suppress(LLMConfigError):
    async_transport("AsyncChatClient")

if TYPE_CHECKING:
    from LLM.batch.output import AnyOutput
    from LLM.batch.prompts import Requests
    from LLM.batch.report import BatchReport
    from LLM.batch.types import BatchOptions

SentT = TypeVar("SentT", bound=Answer | AsyncStreamedWire)


class AsyncChatClient(BaseClient):
    """A client of one provider for coroutines; safe to share between tasks.

    It may be used in one event loop after another. All clients of one address share its
    connections, whatever their keys.
    """

    def _connect(self) -> None:
        self._transport = async_transport(type(self).__name__)(
            self.codec.api_root, self._headers, verify=self.config.verify, shared=True
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def chat(
        self,
        messages: Any,
        model: str | None = None,
        *,
        system: str | list[dict[str, Any]] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        tools: Any = None,
        tool_choice: Any = None,
        response_format: Any = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> ChatResponse:
        """Answer a conversation.

        Arguments and errors are those of the blocking twin's `chat`, such as
        `OpenAICompatClient.chat`. Cancelling the task ends the request.
        """
        prepared = self._prepare(
            messages,
            model,
            response_format,
            timeout,
            stream=False,
            system=system,
            temperature=temperature,
            max_tokens=max_tokens,
            tools=tools,
            tool_choice=tool_choice,
            extra=kwargs,
        )
        if (recorder := telemetry.current) is None:
            response = await self._answer(prepared)
        else:
            with recorder.call(self._asked(prepared)) as span:
                response = await self._answer(prepared)
                span.answered(chat_told(response))
        prepared.accept(response)
        return response

    def events(
        self,
        messages: Any,
        model: str | None = None,
        *,
        system: str | list[dict[str, Any]] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        tools: Any = None,
        tool_choice: Any = None,
        response_format: Any = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> AsyncEventStream:
        """Answer a conversation, telling all that happens as it happens.

        The request is sent when the stream is first iterated. Arguments and errors are those of
        `chat`; `timeout` bounds the wait for the answer to begin, and then each gap.

        :return: an iterator of events (see `cloud.llm.events`), with the answer in `.response`.
        """
        prepared = self._prepare(
            messages,
            model,
            response_format,
            timeout,
            stream=True,
            system=system,
            temperature=temperature,
            max_tokens=max_tokens,
            tools=tools,
            tool_choice=tool_choice,
            extra=kwargs,
        )
        assembler = ResponseAssembler(prepared.source.model or "")
        reading = _Reading(self, prepared, assembler)
        return AsyncEventStream(reading.events(), reading.close, assembler, reading.accept)

    def chat_stream(
        self,
        messages: Any,
        model: str | None = None,
        *,
        system: str | list[dict[str, Any]] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> AsyncTextStream:
        """Answer a conversation, piece by piece: iterate it with ``async for``.

        Arguments and errors are those of `events`. The answer's usage and tool calls are in the
        stream's `.response`.
        """
        events = self.events(
            messages,
            model,
            system=system,
            temperature=temperature,
            max_tokens=max_tokens,
            **kwargs,
        )
        return AsyncTextStream(events)

    async def batch(
        self,
        requests: Requests,
        output: AnyOutput = None,
        **options: Unpack[BatchOptions],
    ) -> BatchReport:
        """Answer many requests, durably: the same call again goes on where an earlier one ended.

        Arguments, errors and the report are those of the blocking twin's `batch`, such as
        `OpenAICompatClient.batch`. The job runs in a thread of its own; a task that is cancelled in
        it ends it, as Ctrl-C does.
        """
        # Imported here: few clients run jobs.
        from cloud.llm.jobs import ChatJob
        from LLM.batch.in_thread import in_thread

        job = ChatJob(self, requests, output, options)
        return await in_thread(job.run, job.stop)

    async def cancel_batch(self, output: AnyOutput) -> list[str]:
        """End a job at the provider's batch endpoint; what it has answered, the next run fetches.

        Arguments, errors and the ids are those of the blocking twin's `cancel_batch`.
        """
        from cloud.llm.jobs import cancel_job

        return await asyncio.to_thread(cancel_job, self, output)

    async def list_models(self) -> list[str]:
        """Names of the models that can be asked, as calls take them.

        :raises LLMConnectionError: nothing listens there.
        :raises LLMAPIError: the provider refuses, or has no such list.
        """
        models = ModelList(self.codec.models)
        while models.question is not None:
            models.take(await self._ask(models.question))
        return models.names

    async def upload_file(
        self,
        source: Any,
        *,
        filename: str | None = None,
        media_type: str | None = None,
        purpose: str | None = None,
        timeout: float | None = None,
    ) -> UploadedFile:
        """Give the provider a file, which chats then refer to by its id.

        Arguments and errors are those of the blocking twin's `upload_file`. The file is read in
        threads; cancelling the task ends the request, and the provider keeps nothing.
        """
        files = self._files()
        with await asyncio.to_thread(FileSource, source, filename, media_type) as file:
            upload = files.upload(file, purpose)
            timeout_s = self._upload_timeout_s(timeout, file.size_bytes)
            told = await self._upload(upload, timeout_s)
        patience = Patience(timeout_s, time.monotonic)
        while isinstance(told, Processing):
            await asyncio.sleep(patience.pause_s(self._host, told.id))
            told = await self._ask(files.state(told.id))
        return told

    async def file_info(self, file_id: str) -> UploadedFile:
        """What the provider knows of an uploaded file.

        :param file_id: the `id` that `upload_file` gave.
        :raises InvalidRequestError: there is no such file, or the provider has no files.
        :raises LLMError: as `list_models`.
        """
        return await self._ask(self._files().info(file_id))

    async def delete_file(self, file_id: str) -> bool:
        """Delete an uploaded file.

        :param file_id: the `id` that `upload_file` gave.
        :return: whether it was there; False when it was gone already.
        :raises InvalidRequestError: `file_id` is none, or the provider has no files.
        :raises LLMError: as `list_models`.
        """
        files = self._files()
        try:
            await self._ask(files.delete(file_id))
        except LLMAPIError as err:
            if not files.is_gone(err):
                raise
            return False
        return True

    async def close(self) -> None:
        """Nothing to do: connections belong to all clients of the address.

        `cloud.close_all_cloud_clients` closes them; idle ones close by themselves.
        """

    async def _answer(self, prepared: Prepared) -> ChatResponse:
        """The answer to a call."""
        request, source = prepared.request, prepared.source
        answer = await self._tries(
            lambda: self._transport.call(
                "POST", request.path, request.body, timeout_s=prepared.timeout_s
            ),
            source,
        )
        return self.codec.response(answer.body, answer.status, source)

    async def _ask(
        self, question: Question[AnswerT], body: bytes | None = None, model: str | None = None
    ) -> AnswerT:
        source = self._source(model)
        answer = await self._tries(
            lambda: self._transport.call(
                question.method, question.path, body, timeout_s=self.config.timeout
            ),
            source,
        )
        return question.read(answer.body, answer.status, source)

    async def _upload(self, upload: FileUpload, timeout_s: float) -> UploadedFile | Processing:
        source = self._source(None)

        async def send() -> Answer:
            """One try: all its requests, until one is refused."""
            requests = upload.requests(source)
            request = next(requests)
            while True:
                answer: Answer = await self._transport.upload(
                    request.target, request.body, request.headers, timeout_s=timeout_s
                )
                if not 200 <= answer.status < 300:
                    return answer
                try:
                    request = requests.send(answer)
                except StopIteration:
                    return answer

        answer = await self._tries(send, source)
        return upload.read(answer.body, answer.status, source)

    async def _tries(self, send: Callable[[], Awaitable[SentT]], source: Source) -> SentT:
        """Send until an answer says yes or the policy gives up."""
        attempts = self._attempts(source)
        while True:
            try:
                answer = await send()
                if 200 <= answer.status < 300:
                    return answer
                body = answer.body if isinstance(answer, Answer) else b""
                failure = self.codec.refusal(answer.status, answer.headers, body, source)
            except LLMError as err:
                failure = err
            await asyncio.sleep(attempts.delay_s(failure))


class _Reading:
    """One stream from its request to its end."""

    def __init__(
        self, client: AsyncChatClient, prepared: Prepared, assembler: ResponseAssembler
    ) -> None:
        self._client = client
        self._prepared = prepared
        self._assembler = assembler
        self._watch: Watch | None = None
        self._answer: AsyncStreamedWire | None = None

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Send the request, and give the events as they arrive."""
        prepared = self._prepared
        if (recorder := telemetry.current) is None:
            answer = await self._sent()
        else:
            with recorder.call(self._client._asked(prepared)) as span:
                answer = await self._sent()
            self._watch = Watch(span, lambda: chat_told(self._assembler.response()), is_chunk)
        self._answer = answer
        decoder = self._client.codec.decoder(answer.status, prepared.source)
        items = aread_items(answer, decoder, decoder.finish)
        if self._watch is not None:
            items = self._watch.async_items(items)
        try:
            async for event in items:
                yield event
        except LLMError as err:
            prepared.source.complete(err)
            raise

    async def _sent(self) -> AsyncStreamedWire:
        """The answer, which has begun."""
        client, prepared = self._client, self._prepared
        request = prepared.request
        answer = await client._tries(
            lambda: client._transport.stream(
                request.path, request.body, timeout_s=prepared.timeout_s
            ),
            prepared.source,
        )
        assert not isinstance(answer, Answer), "tries end with a success, which is streamed"
        return answer

    def close(self) -> None:
        """End the connection unless the answer was read to its end."""
        if self._answer is not None:
            self._answer.close()
        if self._watch is not None:
            self._watch.left()

    async def accept(self, response: ChatResponse) -> None:
        """Take the complete answer."""
        self._prepared.accept(response)
