"""The blocking shell of every provider client: sends what a codec says, reads what it can read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from cloud.llm.base import BaseClient, Prepared
from cloud.llm.events import ResponseAssembler, StreamEvent
from cloud.llm.file_source import FileSource
from cloud.llm.files import FileUpload, Patience, Processing, UploadedFile
from cloud.llm.questions import AnswerT, ModelList, Question
from cloud.llm.streams import EventStream, TextStream
from cloud.llm.told import chat_told, is_chunk
from cloud.llm.types import ChatResponse
from LLM import telemetry
from LLM.answer import Answer
from LLM.codec import Source
from LLM.exceptions import LLMAPIError, LLMError
from LLM.reading import read_items
from LLM.telemetry.watch import Watch
from LLM.transport import Transport
from LLM.wire import StreamedWire

if TYPE_CHECKING:
    from LLM.batch.output import AnyOutput
    from LLM.batch.prompts import Requests
    from LLM.batch.report import BatchReport
    from LLM.batch.types import BatchOptions

SentT = TypeVar("SentT", bound=Answer | StreamedWire)


class ChatClient(BaseClient):
    """A blocking client of one provider; safe to share between threads.

    All clients of one address share its connections, whatever their keys.
    """

    def _connect(self) -> None:
        self._transport = Transport(
            self.codec.api_root, self._headers, verify=self.config.verify, shared=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def chat(
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

        :param messages: dicts with `role` and `content`, or objects that have them.
        :param model: in place of the client's.
        :param system: goes before the messages; a list of text parts may carry `cache_control`.
        :param temperature: 0.0 to 2.0; None leaves it to the provider.
        :param max_tokens: most tokens to generate; None leaves it to the provider, where it can.
        :param tools: flat, ``{"name": …, "parameters": …}``, or nested as OpenAI has them.
        :param tool_choice: ``auto``, ``none``, ``required``, a tool's name, or OpenAI's dict.
        :param response_format: a pydantic class (the answer is then checked against it, and its
            object is in `.parsed`), a `JSONSchema` (its value is in `.parsed`), or OpenAI's dict.
        :param timeout: seconds, in place of the client's.
        :param kwargs: further fields. Those of OpenAI that others know by another name (`stop`,
            `top_p`, `reasoning_effort`, …) are put into the provider's words, those that change
            nothing about an answer (`user`, `store`, …) are left out where the provider has no
            field for them, and the provider's own are sent as they are. None is not sent.
        :raises InvalidRequestError: an argument cannot work, or the provider says so.
        :raises LLMAuthError: the key is refused.
        :raises LLMRateLimitError: 429 after all retries, or at once when the quota is spent.
        :raises LLMConnectionError: no answer; LLMTimeoutError: a deadline passed.
        :raises LLMServerError: 5xx after all retries.
        :raises LLMResponseError: the answer is unreadable, or not of `response_format`.
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
            response = self._answer(prepared)
        else:
            with recorder.call(self._asked(prepared)) as span:
                response = self._answer(prepared)
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
    ) -> EventStream:
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
        return EventStream(reading.events(), reading.close, assembler, prepared.accept)

    def chat_stream(
        self,
        messages: Any,
        model: str | None = None,
        *,
        system: str | list[dict[str, Any]] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> TextStream:
        """Answer a conversation, piece by piece: ``for text in client.chat_stream(messages): …``.

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
        return TextStream(events)

    def batch(
        self,
        requests: Requests,
        output: AnyOutput = None,
        **options: Unpack[BatchOptions],
    ) -> BatchReport:
        """Answer many requests, durably: the same call again goes on where an earlier one ended.

        Requests are in OpenAI's words, and so are the answers, whatever the provider's own are.

        :param requests: the name of a file of lines in OpenAI's batch format, or an iterable of
            prompts, as `LLM.batch` takes them. All are checked before the first is sent.
        :param output: file of the answers; failures go to a file of their own. None keeps both in
            a temporary file, which the provider's own batch endpoint is too slow for.
        :param options: see `LLM.batch.types.BatchOptions`.
        :return: counts, cost, and `results` in the order of the requests. That a request has failed
            is told there, and not raised.
        :raises BatchInputError: a line is no request; nothing was sent.
        :raises BatchOutputError: the output cannot be written, is in use, or of another job.
        :raises InvalidRequestError: the provider has no batch endpoint, or refuses the batch.
        :raises LLMError: the job cannot go on; what has ended is kept, and the same call goes on.
        """
        # Imported here: few clients run jobs.
        from cloud.llm.jobs import ChatJob

        return ChatJob(self, requests, output, options).run()

    def cancel_batch(self, output: AnyOutput) -> list[str]:
        """End a job at the provider's batch endpoint; what it has answered, the next run fetches.

        :param output: the job's.
        :return: the ids of its batches; none where the provider has none of it.
        :raises LLMError: one could not be ended.
        """
        from cloud.llm.jobs import cancel_job

        return cancel_job(self, output)

    def list_models(self) -> list[str]:
        """Names of the models that can be asked, as calls take them.

        :raises LLMConnectionError: nothing listens there.
        :raises LLMAPIError: the provider refuses, or has no such list.
        """
        models = ModelList(self.codec.models)
        while models.question is not None:
            models.take(self._ask(models.question))
        return models.names

    def upload_file(
        self,
        source: Any,
        *,
        filename: str | None = None,
        media_type: str | None = None,
        purpose: str | None = None,
        timeout: float | None = None,
    ) -> UploadedFile:
        """Give the provider a file, which chats then refer to by its id.

        :param source: path (text or `os.PathLike`), content (bytes), or a file opened with mode
            ``rb``, which is read from its position on and stays open. It is read in pieces while
            they are sent; when it changes meanwhile, the provider keeps nothing.
        :param filename: the name it is kept under; None for that of the path or file.
        :param media_type: such as ``application/pdf``; None for what the name's ending tells.
        :param purpose: what OpenAI keeps a file for; None for ``user_data``. Others have none.
        :param timeout: seconds that one try may take, and the provider to read the file after it;
            None for the client's, or as long as a line of 1 Mbit/s takes where that is longer.
        :raises InvalidRequestError: an argument cannot work, the file cannot be read or changes,
            the provider has no files, or refuses this one.
        :raises LLMTimeoutError: a deadline passed.
        :raises LLMError: as `chat`.
        """
        files = self._files()
        with FileSource(source, filename, media_type) as file:
            upload = files.upload(file, purpose)
            timeout_s = self._upload_timeout_s(timeout, file.size_bytes)
            told = self._upload(upload, timeout_s)
        patience = Patience(timeout_s, time.monotonic)
        while isinstance(told, Processing):
            time.sleep(patience.pause_s(self._host, told.id))
            told = self._ask(files.state(told.id))
        return told

    def file_info(self, file_id: str) -> UploadedFile:
        """What the provider knows of an uploaded file.

        :param file_id: the `id` that `upload_file` gave.
        :raises InvalidRequestError: there is no such file, or the provider has no files.
        :raises LLMError: as `list_models`.
        """
        return self._ask(self._files().info(file_id))

    def delete_file(self, file_id: str) -> bool:
        """Delete an uploaded file.

        :param file_id: the `id` that `upload_file` gave.
        :return: whether it was there; False when it was gone already.
        :raises InvalidRequestError: `file_id` is none, or the provider has no files.
        :raises LLMError: as `list_models`.
        """
        files = self._files()
        try:
            self._ask(files.delete(file_id))
        except LLMAPIError as err:
            if not files.is_gone(err):
                raise
            return False
        return True

    def close(self) -> None:
        """Nothing to do: connections belong to all clients of the address.

        `cloud.close_all_cloud_clients` closes them; idle ones close by themselves.
        """

    def _answer(self, prepared: Prepared) -> ChatResponse:
        """The answer to a call."""
        request, source = prepared.request, prepared.source
        answer = self._tries(
            lambda: self._transport.call(
                "POST", request.path, request.body, timeout_s=prepared.timeout_s
            ),
            source,
        )
        return self.codec.response(answer.body, answer.status, source)

    def _ask(
        self, question: Question[AnswerT], body: bytes | None = None, model: str | None = None
    ) -> AnswerT:
        source = self._source(model)
        answer = self._tries(
            lambda: self._transport.call(
                question.method, question.path, body, timeout_s=self.config.timeout
            ),
            source,
        )
        return question.read(answer.body, answer.status, source)

    def _upload(self, upload: FileUpload, timeout_s: float) -> UploadedFile | Processing:
        source = self._source(None)

        def send() -> Answer:
            """One try: all its requests, until one is refused."""
            requests = upload.requests(source)
            request = next(requests)
            while True:
                answer = self._transport.upload(
                    request.target, request.body, request.headers, timeout_s=timeout_s
                )
                if not 200 <= answer.status < 300:
                    return answer
                try:
                    request = requests.send(answer)
                except StopIteration:
                    return answer

        answer = self._tries(send, source)
        return upload.read(answer.body, answer.status, source)

    def _tries(self, send: Callable[[], SentT], source: Source) -> SentT:
        """Send until an answer says yes or the policy gives up."""
        attempts = self._attempts(source)
        while True:
            try:
                answer = send()
                if 200 <= answer.status < 300:
                    return answer
                body = answer.body if isinstance(answer, Answer) else b""
                failure = self.codec.refusal(answer.status, answer.headers, body, source)
            except LLMError as err:
                failure = err
            time.sleep(attempts.delay_s(failure))


class _Reading:
    """One stream from its request to its end."""

    def __init__(
        self, client: ChatClient, prepared: Prepared, assembler: ResponseAssembler
    ) -> None:
        self._client = client
        self._prepared = prepared
        self._assembler = assembler
        self._watch: Watch | None = None
        self._answer: StreamedWire | None = None

    def events(self) -> Iterator[StreamEvent]:
        """Send the request, and give the events as they arrive."""
        prepared = self._prepared
        if (recorder := telemetry.current) is None:
            answer = self._sent()
        else:
            with recorder.call(self._client._asked(prepared)) as span:
                answer = self._sent()
            self._watch = Watch(span, lambda: chat_told(self._assembler.response()), is_chunk)
        self._answer = answer
        decoder = self._client.codec.decoder(answer.status, prepared.source)
        items = read_items(answer, decoder, decoder.finish)
        if self._watch is not None:
            items = self._watch.items(items)
        try:
            yield from items
        except LLMError as err:
            prepared.source.complete(err)
            raise

    def _sent(self) -> StreamedWire:
        """The answer, which has begun."""
        client, prepared = self._client, self._prepared
        request = prepared.request
        answer = client._tries(
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
