"""Which models requests may name: those that are listed, and never a path or a download."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from LLM.exceptions import LLMConfigError, ModelNotFoundError
from local_llm_kit.catalog import Catalog
from local_llm_kit.local_files import name_of

#: Seconds for which what was found on disk is believed.
_BELIEVED_S = 5.0


class ServedModels:
    """The names that requests may give, and what they stand for.

    The server's own model has its name and aliases. Further models are those given beside it, and
    unless `strict`, those present on this machine. A name that stands for nothing is answered by
    the own model, or with `strict` refused.

    :param catalog: the models; its own was loaded.
    :param further: models beside the catalog's own, as `LLMClient` takes them.
    :param aliases: further names of the own model.
    :param strict: refuse names that stand for nothing, and serve only what was named.
    :raises LLMConfigError: two models would have the same name.
    """

    def __init__(
        self,
        catalog: Catalog,
        further: Sequence[str] = (),
        aliases: Sequence[str] = (),
        strict: bool = False,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._aliases = tuple(dict.fromkeys(aliases))
        self._further = self._by_public_name(further)
        self._strict = strict
        self._clock = clock
        self._present: dict[str, str] = {}
        self._looked_at = float("-inf")
        self._looking = threading.Lock()

    @property
    def own(self) -> str:
        """Name of the server's own model, as its answers carry it."""
        return self._catalog.info.name

    def public_name(self, name: str) -> str:
        """How requests name a model.

        :param name: the catalog's.
        """
        if name == self._catalog.name:
            return self.own
        return next((public for public, one in self._further.items() if one == name), name)

    def names(self) -> list[str]:
        """Every name that requests may give, the own model's first. May look at the disk."""
        self._look()
        return list(dict.fromkeys((self.own, *self._aliases, *self._further, *self._present)))

    def known(self, name: str | None) -> str | None:
        """What `resolve` gives, as far as it is known without a look at the disk; else None."""
        found = self._at_hand(name)
        if found is None and not self._strict and self._is_fresh:
            return self._catalog.name
        return found

    def resolve(self, name: str | None) -> str:
        """The catalog's name of the model that answers. May look at the disk.

        :param name: as a request gives it; None and an empty text mean the own model.
        :raises ModelNotFoundError: the name stands for nothing, and the server is strict.
        """
        found = self._at_hand(name)
        if found is None:
            self._look()
            found = self._at_hand(name)
        if found is not None:
            return found
        if self._strict:
            raise self.unknown(name or "")
        return self._catalog.name

    def require(self, name: str) -> str:
        """As `resolve`, but a name that stands for nothing is always refused.

        :raises ModelNotFoundError: it stands for nothing.
        """
        self._look()
        found = self._at_hand(name) if name else None
        if found is None:
            raise self.unknown(name)
        return found

    def unknown(self, name: str) -> ModelNotFoundError:
        """The error for a name that stands for nothing."""
        served = ", ".join(self.names()[:20])
        return ModelNotFoundError(
            f"the model {name[:200]!r} does not exist here; served: {served}",
            status_code=404,
            body={"param": "model"},
            code="model_not_found",
        )

    def _by_public_name(self, further: Sequence[str]) -> dict[str, str]:
        """Further models by the names that requests give them; each must be one of its own."""
        found: dict[str, str] = {}
        for model in dict.fromkeys(further):
            name = _public_name(model)
            other = found.get(name)
            if name in (self.own, *self._aliases):
                other = f"the name or an alias of {self._catalog.name}"
            if other is not None:
                raise LLMConfigError(
                    f"models has {model!r}, which requests would name {name!r}, and so they would "
                    f"{other!r}; rename one of them, or leave it out"
                )
            found[name] = model
        return found

    def _at_hand(self, name: str | None) -> str | None:
        if not name:
            return self._catalog.name
        for spelling in _spellings(name):
            if spelling == self.own or spelling in self._aliases:
                return self._catalog.name
            if spelling in self._further:
                return self._further[spelling]
            if spelling in self._present:
                return self._present[spelling]
        return None

    @property
    def _is_fresh(self) -> bool:
        return self._strict or self._clock() - self._looked_at < _BELIEVED_S

    def _look(self) -> None:
        """Look which models are on this disk; of many who want to, one does and the rest wait."""
        with self._looking:
            if self._is_fresh:
                return
            # A further model that is loaded is listed by what it was given as, maybe a path.
            given = self._further.values()
            self._present = {name: name for name in self._catalog.names() if name not in given}
            self._looked_at = self._clock()


def _spellings(name: str) -> tuple[str, ...]:
    """A name, and the same with Ollama's default tag or without it."""
    bare = name.removesuffix(":latest")
    return (name, bare, f"{bare}:latest")


def _public_name(model: str) -> str:
    """How requests name a model: a file by its stem, others as they are."""
    is_path = model.endswith(".gguf") or model.startswith(("/", "./", "../", "~"))
    return name_of(Path(model)) if is_path else model
