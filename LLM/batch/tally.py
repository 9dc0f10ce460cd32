"""What a running job adds up to, and the thread that shows it and syncs its files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from LLM.batch.types import BatchOutcome, BatchProgress, Price
from LLM.estimate import EstimatedUsage
from LLM.usage import UsageTotals

#: Seconds between two looks at the progress, and between two syncs of the files.
SHOW_EVERY_S = 0.25
SYNC_EVERY_S = 1.0


class Tally:
    """Counts of one run. Safe for many threads.

    :param price: prices answers; None prices none.
    :param clock: monotonic clock in seconds.
    """

    def __init__(self, price: Price | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.n_requests: int | None = None
        self.n_resumed = 0
        self.n_answered = 0
        self.n_failed = 0
        self.n_shared = 0
        self.usage = UsageTotals()
        self.cost = 0.0 if price else None
        #: Tells how many requests a provider has answered that are not fetched yet.
        self.n_waiting: Callable[[], int] = int
        self._n_in_flight = 0
        self._price = price
        self._clock = clock
        self._begun = clock()
        self._lock = threading.Lock()

    def take(self) -> None:
        """A request was handed to the engine."""
        with self._lock:
            self._n_in_flight += 1

    def add(self, outcome: BatchOutcome, *, taken: bool = True) -> None:
        """A request has ended. :param taken: the engine had it."""
        usage = outcome.usage
        with self._lock:
            self._n_in_flight -= taken
            self.n_failed += outcome.error is not None
            self.n_answered += outcome.error is None
            self.n_shared += outcome.shared
            if usage is None or outcome.shared:
                return
            estimated = isinstance(usage, EstimatedUsage)
            self.usage = self.usage.plus(usage, estimated=estimated)
            if self._price is not None and self.cost is not None:
                cost = cost_of(outcome, self._price)
                self.cost = None if cost is None else self.cost + cost

    @property
    def n_finished(self) -> int:
        """Requests that have ended in this run."""
        return self.n_answered + self.n_failed

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._begun

    def progress(self) -> BatchProgress:
        """How far it is."""
        with self._lock:
            return BatchProgress(
                n_requests=self.n_requests,
                n_resumed=self.n_resumed,
                n_answered=self.n_answered,
                n_failed=self.n_failed,
                n_in_flight=self._n_in_flight,
                prompt_tokens=self.usage.prompt_tokens,
                completion_tokens=self.usage.completion_tokens,
                cost=self.cost,
                elapsed_s=self.elapsed_s,
                n_waiting=self.n_waiting(),
            )


def cost_of(outcome: BatchOutcome, price: Price) -> float | None:
    """US dollars that an outcome has cost; None where the price is not known.

    A model that answers under a name of its own, with a date say, costs what the one costs that was
    asked.
    """
    usage = outcome.usage
    if usage is None or outcome.shared:
        return 0.0
    cost = None if outcome.model is None else price(outcome.model, usage)
    return price(str(outcome.request.body.get("model")), usage) if cost is None else cost


class Heartbeat:
    """A thread that does two things now and then, as long as the block runs.

    :param show: called four times a second, and once at the end; None for nothing to show.
    :param sync: called once a second.
    """

    def __init__(self, show: Callable[[], object] | None, sync: Callable[[], object]) -> None:
        self._show = show
        self._sync = sync
        self._failure: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llm-batch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()
        if kind is None:
            self.check()
            if self._show is not None:
                self._show()

    def check(self) -> None:
        """:raises BaseException: what showing or syncing has raised in the thread."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        left_s = SYNC_EVERY_S
        try:
            while not self._stopped.wait(SHOW_EVERY_S):
                if self._show is not None:
                    self._show()
                left_s -= SHOW_EVERY_S
                if left_s <= 0:
                    left_s = SYNC_EVERY_S
                    self._sync()
        except BaseException as err:  # noqa: BLE001  # raised where the job goes on
            self._failure = err
