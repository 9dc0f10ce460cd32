"""Who answers a job, by the command's options."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from LLM.exceptions import LLMConfigError
from llm_kit.cli.batch_options import LOCAL_OPTIONS
from llm_kit.cli.endpoint import PROVIDERS, Endpoint, endpoint
from llm_kit.prices import registry_price
from local_llm_kit.cli.terminal import note

if TYPE_CHECKING:
    from cloud.llm.client import ChatClient
    from LLM.config import LLMConfig
    from llm_kit.batch import BatchClient
    from llm_kit.ray import EndpointWorker, LocalWorker

#: Seconds for a try: models that think take minutes, and a job is in no hurry.
TIMEOUT_S = 600.0


class Answerers:
    """What answers jobs, by options.

    :param job: `BatchOptions`.
    :param who: the command's other options by their names.
    """

    def __init__(self, job: dict[str, Any], who: dict[str, Any]) -> None:
        #: `BatchOptions` that were given, and the prices, once it is open.
        self.job = {name: value for name, value in job.items() if value is not None}
        self._who = who
        self._engine: str = job["engine"]
        #: Models whose price was looked for and not found.
        self.unpriced: list[str] = []

    @contextmanager
    def open(self) -> Iterator[BatchClient]:
        """The one that the options name, until the block ends."""
        with ExitStack() as stack:
            is_local = self._who["local"] is not None
            yield self._local(stack) if is_local else self._remote(stack)

    def _local(self, stack: ExitStack) -> BatchClient:
        who, timeout_s = self._who, self._who["timeout"]
        load = {name: who[name] for name in LOCAL_OPTIONS if who[name] is not None}
        if self._engine == "ray":
            from llm_kit.ray import LocalWorker

            return self._on_ray(LocalWorker(who["local"], load, timeout_s=timeout_s))
        from local_llm_kit import LLMClient
        from local_llm_kit.cli.loading_bar import loading_bar

        # Asked for, a job's progress is lines in a file; that of loading is a bar or nothing.
        with loading_bar(False if self.job.get("progress") is False else None) as watch:
            client = LLMClient(who["local"], timeout=timeout_s, on_load=watch, **load)
        return stack.enter_context(client)

    def _remote(self, stack: ExitStack) -> BatchClient:
        who, urls = self._who, self._who["base_url"]
        provider = who["provider"]
        if provider is None and self._engine == "provider" and not urls:
            provider = "openai"
        asked = endpoint(provider, urls[0] if urls else None, os.environ)
        self._check_key(asked)
        if asked.prices is not None:
            # A job at a provider's batch endpoint halves it itself.
            self.job["price"] = registry_price(asked.prices, unknown=self.unpriced.append)
        elif "max_cost" in self.job:
            raise LLMConfigError(
                f"no prices are known of {asked.base_url}, which --max-cost needs; name who "
                "answers there with --provider, or leave --max-cost out"
            )
        if (name := PROVIDERS[asked.provider].client) is not None:
            return self._in_own_language(stack, asked, name)
        config = self._config(asked)
        if self._engine == "ray":
            from llm_kit.ray import EndpointWorker

            return self._on_ray(EndpointWorker(config, urls if len(urls) > 1 else ()))
        from LLM.cache import DiskCache
        from LLM.client import LLM

        cache = None if who["cache"] is None else DiskCache(who["cache"])
        if cache is not None:
            stack.callback(cache.close)
        return stack.enter_context(LLM(config, cache=cache))

    def _in_own_language(self, stack: ExitStack, asked: Endpoint, name: str) -> BatchClient:
        from cloud import llm

        who = self._who
        settings = {
            "api_key": asked.api_key,
            "base_url": asked.base_url,
            "timeout": who["timeout"] or TIMEOUT_S,
            "model": who["model"],
            "max_retries": who["max_retries"],
        }
        client: ChatClient = getattr(llm, name)(
            **{name: value for name, value in settings.items() if value is not None}
        )
        return stack.enter_context(client)

    def _on_ray(self, worker: EndpointWorker | LocalWorker) -> BatchClient:
        from llm_kit.ray import RayBatchClient

        options = {name: self._who[name] for name in ("address", "workers", "num_gpus")}
        return RayBatchClient(
            worker, **{name: value for name, value in options.items() if value is not None}
        )

    def _config(self, asked: Endpoint) -> LLMConfig:
        from LLM.config import LLMConfig

        who = self._who
        settings = {
            "base_url": asked.base_url,
            "api_key": asked.api_key,
            "model": who["model"],
            "timeout": who["timeout"] or TIMEOUT_S,
            "max_retries": who["max_retries"],
            "requests_per_minute": who["rpm"],
            "tokens_per_minute": who["tpm"],
        }
        return LLMConfig(**{name: value for name, value in settings.items() if value is not None})

    def _check_key(self, asked: Endpoint) -> None:
        """Say where a key is missing, or does not go.

        :raises LLMConfigError: the provider's own address would be asked without one.
        """
        one = PROVIDERS[asked.provider]
        if asked.is_own and asked.api_key is None and not self.job.get("dry_run"):
            raise LLMConfigError(
                f"there is no key for {asked.base_url}; set {one.key_variables[0]} in the "
                "environment"
            )
        if asked.is_key_kept:
            other = f", or for the address in {one.url_variable}" if one.url_variable else ""
            note(
                f"{asked.key_variable} is not sent to {asked.base_url}; it is for "
                f"--provider {asked.provider}{other}"
            )
