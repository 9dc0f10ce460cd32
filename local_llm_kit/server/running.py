"""Jobs under way: the model that each holds, and what is measured of it."""

from __future__ import annotations

from LLM.telemetry.watch import Watch
from local_llm_kit.backends import Backend, JSONObject
from local_llm_kit.mailboxes import Delivery
from local_llm_kit.pool import Lease
from local_llm_kit.server.counts import token_counts
from local_llm_kit.server.meter import Meter


class Running:
    """A job under way and the model that it holds.

    :param watch: what is recorded of it; None for nothing.
    """

    def __init__(
        self,
        delivery: Delivery,
        lease: Lease[Backend],
        meter: Meter,
        watch: Watch | None = None,
    ) -> None:
        self._delivery = delivery
        self._lease = lease
        self._meter = meter
        self._watch = watch

    @property
    def done(self) -> bool:
        """Whether the answer is complete."""
        return self._delivery.answer.done

    def start(self) -> list[JSONObject]:
        """Chunks that come before anything was computed."""
        return self._delivery.answer.start()

    async def step(self) -> list[JSONObject]:
        """The next chunks, once there are any.

        :raises LLMError: the engine failed.
        """
        try:
            chunks = await self._delivery.step()
        except BaseException as err:
            if self._watch is not None:
                self._watch.failed(err)
            raise
        self._meter.delivered()
        if self._watch is not None:
            for chunk in chunks:
                self._watch.arrived(chunk)
        return chunks

    def response(self) -> JSONObject:
        """The whole answer, once `done`."""
        return self._delivery.answer.response()

    def usage(self) -> JSONObject:
        """Token counts so far."""
        return self._delivery.answer.usage()

    def cancel(self) -> None:
        """Free the slots within a step; nothing happens to what has ended."""
        self._delivery.cancel()

    def close(self) -> None:
        """Cancel what still runs, let the model go, and count the tokens; once."""
        self._delivery.close()
        self._lease.release()
        self._meter.ended(token_counts(self.usage()), self._delivery.n_sequences)
        if self._watch is not None:
            self._watch.left()
