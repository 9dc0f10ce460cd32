"""What a ring knows: its providers, the lockfile's aliases, models and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from llmring.arguments import as_request
from llmring.caller import Caller
from llmring.costs import Costs
from llmring.exceptions import ConfigurationError, ValidationError
from llmring.lockfile import (
    BUILTIN_PROVIDERS,
    AliasResolver,
    Lockfile,
    LockfileDocument,
    editing,
)
from llmring.models import Models
from llmring.pending import PendingResponse
from llmring.providers.base import BaseLLMProvider
from llmring.providers.catalog import ProviderCatalog
from llmring.registry import Drift, Registry, RegistryModel
from llmring.schemas import LLMRequest, LLMResponse
from llmring.settings import RingSettings


class BaseRing:
    """What `LLMRing` can tell and change without having a model answer.

    :param aliases: of its lockfile.
    :param registry: of models and prices.
    """

    def __init__(self, settings: RingSettings, aliases: AliasResolver, registry: Registry) -> None:
        self.settings = settings
        self.aliases = aliases
        self.providers = ProviderCatalog(lambda: aliases.last_read.providers)
        self.registry = registry
        self._caller = Caller(aliases, self.providers, registry, settings)
        self._models = Models(aliases, self.providers, registry, self._caller, settings.timeout_s)
        self._closed = False

    # Providers

    def get_provider(self, name: str) -> BaseLLMProvider:
        """A provider; its `client` is that of the provider's own SDK.

        :raises ProviderNotFoundError: there is none of that name.
        :raises LLMConfigError: it is not set up.
        :raises LockfileError: the lockfile is gone or broken.
        """
        self.aliases.look()
        return self.providers.get(name)

    def register_provider(
        self, type: str, provider: BaseLLMProvider | None = None, **settings: Any
    ) -> None:
        """Use other settings for a provider, or add one.

        :param type: ``openai``, ``anthropic``, ``google``, ``ollama``, ``local``, or a new name.
        :param provider: one of your own; None for one of the kinds above, or, under a new name, for
            an address that speaks OpenAI's language.
        :param settings: `api_key`, `base_url`, and the other settings of its client.
        :raises ConfigurationError: the name cannot be one, or a setting is not for it.
        :raises ProviderNotFoundError: a new name without `base_url`.
        """
        self.providers.register(type, provider, **settings)
        self.aliases.add_provider(type)

    # Aliases

    @property
    def lockfile(self) -> Lockfile:
        """The lockfile as it is now."""
        return self.aliases.lockfile

    def resolve_alias(self, alias_or_model: str, profile: str | None = None) -> str:
        """The first model that an alias stands for whose provider is set up.

        :return: ``provider:model``.
        :raises LockfileError: no such alias or profile.
        :raises ProviderNotFoundError: none of its providers is set up.
        """
        return self.aliases.resolve(alias_or_model, profile, self.providers.is_available).model

    def has_alias(self, alias: str, profile: str | None = None) -> bool:
        """Whether `alias` can be resolved. Never raises."""
        return self.aliases.has_alias(alias, profile)

    def require_aliases(
        self, aliases: Iterable[str], context: str | None = None, profile: str | None = None
    ) -> None:
        """Check that all `aliases` can be resolved.

        :param context: who needs them, for the message.
        :raises LockfileError: (a ValueError) some cannot; the message has each with its reason.
        """
        self.aliases.require_aliases(aliases, context, profile)

    def list_aliases(self, profile: str | None = None) -> dict[str, tuple[str, ...]]:
        """The lockfile's aliases and their models.

        :raises LockfileError: no such profile.
        """
        return self.aliases.aliases(profile)

    def bind_alias(
        self, alias: str, models: str | Sequence[str], profile: str | None = None
    ) -> None:
        """Bind an alias in the lockfile, which is written at once, its comments kept.

        :param models: ``provider:model``, or several, the first choice first.
        :raises LockfileError: the alias or a model cannot be one, or the file cannot be written.
        """
        with editing(self.aliases.location) as document:
            document.bind(alias, models, profile)
        self.aliases.clear()

    def unbind_alias(self, alias: str, profile: str | None = None) -> bool:
        """Take an alias out of the lockfile. :return: whether it was there.

        :raises LockfileError: no such profile, or the file cannot be written.
        """
        with editing(self.aliases.location) as document:
            found = document.unbind(alias, profile)
        self.aliases.clear()
        return found

    def init_lockfile(self, force: bool = False) -> Path:
        """Write a lockfile with the usual aliases, for the providers whose keys are set.

        Where no key is set, the aliases list the models of all providers. It is written where the
        ring reads it: ``./llmring.lock``, or the file that the ring was given.

        :param force: replace the file that is there.
        :return: where it is.
        :raises LockfileError: it is there, or cannot be written.
        """
        path = self.aliases.location.target
        LockfileDocument.starter(self.providers.keyed or BUILTIN_PROVIDERS, path).save(force=force)
        self.aliases.clear()
        return path

    def clear_alias_cache(self) -> None:
        """Forget resolved aliases; what changes in the lockfile is noticed without it."""
        self.aliases.clear()

    # Models and costs

    def get_model_info(self, alias_or_model: str, profile: str | None = None) -> RegistryModel:
        """What the registry says of a model.

        :raises ModelNotFoundError: it does not know it.
        :raises LockfileError: no such alias or profile.
        :raises ProviderNotFoundError: none of the alias's providers is set up.
        """
        model = self.resolve_alias(alias_or_model, profile)
        return self.registry.require(model, self._pin(model, profile))

    async def get_enhanced_model_info(
        self, alias_or_model: str, profile: str | None = None
    ) -> dict[str, Any]:
        """As `get_model_info`, as a dict, and of models that no registry lists too.

        :return: ``provider``, ``model`` (without the provider), ``listed`` (by a registry),
            ``available`` (whether the provider is set up), and the fields of `RegistryModel`, None
            where they are not known.
        :raises LockfileError: no such alias or profile.
        """
        return await self._models.info(alias_or_model, profile)

    async def get_available_models(self) -> dict[str, list[str]]:
        """The models that can be asked, by provider; without providers that are not set up.

        Of ``local``, ``ollama`` and addresses of your own it is what they have now, and empty
        where they cannot be asked, which the log tells; of others, the active models that the
        registry lists.

        :raises LockfileError: the lockfile is gone or broken.
        """
        self._check_open()  # or providers that are closed would seem to have none
        return await self._models.available()

    async def validate_context_limit(
        self, request: LLMRequest, profile: str | None = None
    ) -> str | None:
        """Whether a request fits the model that is asked first; nothing is sent to it.

        Of models in this process the prompt's tokens are counted. Of others they are estimated, as
        a quarter of the bytes of the text, without images and files: English comes out about right,
        other texts may have twice as many. So what is near the limit may still be refused.

        :return: None when it fits, or the limit is not known; else what is too long.
        :raises LLMRingError: no such alias, or the request cannot work at all.
        """
        return await self._models.context_problem(as_request(request, None, {}), profile)

    async def registry_drift(self, profile: str | None = None) -> dict[str, Drift]:
        """What has changed in the lists of models since the lockfile pinned them, by provider.

        :raises LockfileError: no such profile.
        :raises RegistryError: a pinned list cannot be had.
        """
        return await self._models.drift(profile)

    def calculate_cost(
        self, response: LLMResponse | PendingResponse, profile: str | None = None
    ) -> Costs:
        """What a call cost, in dollars, by part; ``["total_cost"]`` is all of it.

        It may be awaited. It is empty where the cost cannot be told, and `status` says why.

        :param profile: whose pinned prices count; None for the profile in use.
        :raises LockfileError: the lockfile is gone or broken.
        :raises ValidationError: `response` is no answer.
        """
        if not isinstance(getattr(response, "model", None), str):
            raise ValidationError(
                f"response is a {type(response).__name__}; give the LLMResponse of a call"
            )
        pin = self._pin(response.model, profile)
        return Costs(self.registry.cost(response.usage, response.model, pin), response.model)

    def _pin(self, model: str, profile: str | None) -> int | None:
        return self.aliases.registry_versions(profile).get(model.partition(":")[0])

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("this LLMRing is closed; make another one")
