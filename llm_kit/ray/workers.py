"""What a job's workers are: callers of a server, or models of their own. Small, and pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from LLM.batch.parsing import URLS
from LLM.batch.settings import DEFAULT_CONCURRENCY
from LLM.batch.types import BatchURL
from LLM.config import LLMConfig
from LLM.exceptions import LLMConfigError
from llm_kit.ray.host import Answerer, EngineHost
from llm_kit.ray.worker import WorkerPlace
from local_llm_kit.batch import LOCAL_URLS, LocalEngine
from local_llm_kit.load_options import LoadOptions


@dataclass(frozen=True, slots=True)
class EndpointWorker:
    """A worker that calls a server, by the coroutines of `AsyncLLM`.

    :param config: where and how to call. Its limits a minute are of the whole job: each worker
        gets its part of them.
    :param base_urls: addresses of several servers that are alike, to be used in place of the
        config's: the workers take them in turn, and each keeps to its own. There should be as many
        workers, or a multiple.
    :raises LLMConfigError: the config counts tokens of the whole job, which workers cannot.
    """

    config: LLMConfig = field(default_factory=LLMConfig)
    base_urls: tuple[str, ...] = ()

    #: Paths that a request may name.
    urls: ClassVar[tuple[BatchURL, ...]] = URLS
    #: A refused key, or nobody at the address, is of all requests.
    is_judged: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.config.max_total_tokens is not None:
            raise LLMConfigError(
                "max_total_tokens is set, which no worker of many can keep; leave it out with Ray"
            )
        for base_url in self.base_urls:
            self.config.model_copy(update={"base_url": base_url})

    @property
    def model(self) -> str | None:
        """Of requests that name none."""
        return self.config.model

    @property
    def default_concurrency(self) -> int:
        """Requests in flight where no number is given."""
        return DEFAULT_CONCURRENCY

    def __call__(self, place: WorkerPlace) -> Answerer:
        """:raises LLMConfigError: the worker's machine has no aiohttp."""
        # Imported here: it is the worker's process that needs them.
        from LLM.client import LLM
        from llm_kit.ray.endpoint_host import EndpointHost

        return EndpointHost(LLM(self.config_at(place)), place.concurrency)

    def config_at(self, place: WorkerPlace) -> LLMConfig:
        """The settings of one worker: its address, and its part of the limits a minute."""
        limits = ("requests_per_minute", "tokens_per_minute")
        update: dict[str, Any] = {
            name: value / place.n_workers
            for name in limits
            if (value := getattr(self.config, name)) is not None
        }
        if self.base_urls:
            update["base_url"] = self.base_urls[place.number % len(self.base_urls)]
        return self.config.model_copy(update=update)


@dataclass(frozen=True, slots=True)
class LocalWorker:
    """A worker with a model in its process: an `LLMClient`.

    :param name: of the model, as `LLMClient` takes it. A path is one on the worker's machine.
    :param options: the client's other options: ``n_slots``, ``context_length``, ``n_gpu_layers``, …
    :param timeout_s: seconds for a request; None waits for ever.
    """

    name: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None

    #: Paths that a request may name.
    urls: ClassVar[tuple[BatchURL, ...]] = LOCAL_URLS
    #: What fails is one request.
    is_judged: ClassVar[bool] = False

    @property
    def model(self) -> str | None:
        """Of requests that name none: they get the client's own."""
        return None

    @property
    def default_concurrency(self) -> int:
        """Requests in flight where no number is given: one waits for each slot."""
        return 2 * int(self.options.get("n_slots", LoadOptions().n_slots))

    def __call__(self, place: WorkerPlace) -> Answerer:
        """Load the model. :raises ModelNotFoundError: the worker's machine has no such model."""
        # Imported here: it is the worker's process that needs it.
        from local_llm_kit import LLMClient

        client = LLMClient(self.name, timeout=self.timeout_s, **self.options)
        engine = LocalEngine(client._catalog, place.concurrency, self.timeout_s)
        return EngineHost(engine, client.close)
