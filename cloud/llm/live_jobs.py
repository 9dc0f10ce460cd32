"""Answers a job's requests by single calls of a provider, in threads."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from cloud.llm.base import Prepared
from cloud.llm.batches import completion_of, prepared_of
from cloud.llm.told import chat_told
from cloud.llm.types import ChatResponse
from LLM import telemetry
from LLM.answer import Answer
from LLM.attempts import Attempts
from LLM.batch.calls import failed
from LLM.batch.thread_engine import GatedThreads
from LLM.batch.throttle import RequestRetry
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.exceptions import LLMError
from LLM.transport import Transport

if TYPE_CHECKING:
    from cloud.llm.base import BaseClient


class ChatThreads(GatedThreads):
    """Makes the calls that a client's `chat` would, under its policies and the job's throttle.

    :param client: blocking or not, for its codec and settings alone are used.
    :param transport: sends the requests.
    :param concurrency: most requests in flight.
    """

    def __init__(self, client: BaseClient, transport: Transport, concurrency: int) -> None:
        super().__init__(concurrency)
        self._client = client
        self._transport = transport

    def _answer(self, request: BatchRequest) -> BatchOutcome:
        try:
            prepared = prepared_of(self._client, request)
            if (recorder := telemetry.current) is None:
                response = self._asked(prepared)
            else:
                with recorder.call(self._client._asked(prepared)) as span:
                    response = self._asked(prepared)
                    span.answered(chat_told(response))
        except LLMError as err:
            return failed(request, err)
        return BatchOutcome(
            request,
            answer=completion_of(response, int(time.time())),
            status_code=200,
            request_id=response.id,
            model=response.model,
            usage=response.usage,
        )

    def _asked(self, prepared: Prepared) -> ChatResponse:
        """The answer to a call, tried as often as the client's policy and the throttle have it."""
        client, tries, source = self._client, _Tries(self, prepared), prepared.source
        retry = RequestRetry(client._policy, tries.refused)
        attempts = Attempts(retry, source, logging.DEBUG)
        while True:
            try:
                answer = tries.send()
                if 200 <= answer.status < 300:
                    break
                failure = client.codec.refusal(answer.status, answer.headers, answer.body, source)
            except LLMError as err:
                failure = err
            time.sleep(attempts.delay_s(failure))
        # Out of the tries: an answer that cannot be read is paid for, and not asked for again.
        return client.codec.response(answer.body, answer.status, source)


class _Tries:
    """The tries of one call, each of which waits for the job's turn."""

    def __init__(self, threads: ChatThreads, prepared: Prepared) -> None:
        self._transport = threads._transport
        self._gate = threads._gate
        self._prepared = prepared
        self._epoch = 0

    def refused(self, pause_s: float) -> bool:
        """Tell the throttle that the provider refuses."""
        return self._gate.refused(self._epoch, pause_s)

    def send(self) -> Answer:
        """One try."""
        prepared, is_success = self._prepared, False
        self._epoch = self._gate.enter()
        try:
            answer = self._transport.call(
                "POST",
                prepared.request.path,
                prepared.request.body,
                timeout_s=prepared.timeout_s,
            )
            is_success = 200 <= answer.status < 300
        finally:
            self._gate.leave(self._epoch if is_success else None)
        return answer
