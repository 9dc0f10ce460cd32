"""Settings that all provider clients share, checked when a client is made."""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import Field

from LLM.endpoint import EndpointConfig, Number
from LLM.retry import RETRIED_STATUSES, RetryPolicy


class ClientConfig(EndpointConfig):
    """Where and how to call a provider. Immutable.

    Beside the settings below it has those of `EndpointConfig`.

    :param timeout: seconds that one try may take from connecting to the last byte; for a stream,
        until its answer begins, and then until each event.
    :param jitter: share of each delay between tries that is drawn at random, 0 to 1, so that many
        clients that failed together do not come back together.
    :param stream_usage: ask an OpenAI-compatible server for token counts with streams
        (`stream_options.include_usage`). Turn it off for one that refuses the field.
    :raises LLMConfigError: a value cannot work; the message names it.
    """

    timeout: Annotated[float, Number, Field(gt=0.0, le=86_400.0)] = 120.0
    jitter: Annotated[float, Number, Field(ge=0.0, le=1.0)] = 0.25
    stream_usage: bool = True

    @classmethod
    def _offer(cls) -> str:
        return f"{super()._offer()}; what concerns an answer is given to chat()"

    def retry_policy(self, statuses: frozenset[int] = RETRIED_STATUSES) -> RetryPolicy:
        """The policy that these settings describe.

        :param statuses: HTTP statuses that are tried again.
        """
        return RetryPolicy(
            max_retries=self.max_retries,
            base_delay=self.retry_delay,
            max_retry_after=self.max_retry_after,
            retry_timeouts=self.retry_timeouts,
            jitter=self.jitter,
            statuses=statuses,
        )


class FurtherSettings(TypedDict, total=False):
    """Fields of `ClientConfig` that constructors of clients take beside those that they name."""

    retry_delay: float
    max_retry_after: float
    retry_timeouts: bool
    jitter: float
    stream_usage: bool
