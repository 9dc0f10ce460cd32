"""The models of one client: loaded at first need, closed when nothing uses them any more."""

from __future__ import annotations

import difflib
import threading
import weakref
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from LLM.exceptions import LLMConfigError, LLMServerError, ModelNotFoundError
from local_llm_kit import settings
from local_llm_kit.arguments import Defaults, parse_chat
from local_llm_kit.loading import LoadOptions, load_model

if TYPE_CHECKING:
    from local_llm_kit.backends import Backend
    from local_llm_kit.engines.protocol import EngineStats, ModelInfo


class Lease:
    """A model that stays loaded until this is released."""

    def __init__(self, catalog: Catalog, model: Backend) -> None:
        self.model = model
        self._catalog: Catalog | None = catalog  # held: what nothing holds is closed

    def __enter__(self) -> Backend:
        return self.model

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the model go; repeatable."""
        self._catalog = None


class Catalog:
    """The models of one client.

    :param name: the client's own model.
    :param options: how to load it.
    :param defaults: used for arguments that a call leaves out.
    """

    def __init__(self, name: str, options: LoadOptions, defaults: Defaults) -> None:
        self.name = name
        self.defaults = defaults
        self._options = options
        self._lock = threading.Lock()
        self._model: Backend | None = None
        self._info: ModelInfo | None = None
        self._closed = False

    @property
    def info(self) -> ModelInfo:
        """Facts about the client's own model.

        :raises LLMConfigError: it has never been loaded.
        """
        if self._info is None:
            raise LLMConfigError(
                f"the model {self.name!r} is not loaded yet; call load(), or enter the client's "
                "block, first"
            )
        return self._info

    @property
    def stats(self) -> EngineStats:
        """What the client's own model is doing.

        :raises LLMConfigError: it is not loaded.
        """
        if self._model is None:
            raise LLMConfigError(f"the model {self.name!r} is not loaded; call load() first")
        return self._model.stats

    @property
    def description(self) -> str:
        """The client's own model and its state, for a repr."""
        if self._info is None:
            facts = f"{self.name!r}, not loaded"
        else:
            facts = f"{self._info.name!r}, context_length={self._info.context_length}"
        return f"{facts}, closed" if self._closed else facts

    def lease(self, name: str | None) -> Lease:
        """Hold a model, loading it if need be.

        :param name: None means the client's own.
        :raises ModelNotFoundError: there is no such model.
        :raises LLMServerError: the client is closed.
        """
        with self._lock:
            if self._closed:
                raise LLMServerError("the client is closed", status_code=503, code="engine_closed")
            if self._model is None:
                self._model = load_model(self.name, self._options, self.defaults)
                self._info = self._model.info
                weakref.finalize(self, self._model.close)
            model = self._model
        if name not in (None, self.name, model.info.name):
            raise ModelNotFoundError(
                f"this client has the model {model.info.name!r}, not {name!r}; leave model out or "
                "make a client for the other",
                status_code=404,
                model=name,
                code="model_not_found",
            )
        return Lease(self, model)

    def names(self) -> list[str]:
        """Names of the models that calls can ask for."""
        with self.lease(None) as model:
            return model.models()

    def close(self) -> None:
        """Close the models; repeatable."""
        with self._lock:
            self._closed = True
            if self._model is not None:
                self._model.close()


def open_catalog(
    model: str | None, temperature: float, top_p: float, options: Mapping[str, Any]
) -> Catalog:
    """The catalog of a new client; nothing is loaded.

    :param model: None takes the one at ``LOCAL_LLM_KIT_MODEL_PATH``, else ``tiny``.
    :param options: fields of `LoadOptions`.
    :raises InvalidRequestError: a default is out of a call's own bounds.
    :raises LLMConfigError: there is no such option.
    """
    defaults = Defaults(temperature, top_p)
    parse_chat(
        {"messages": [{"role": "user", "content": ""}], "temperature": temperature, "top_p": top_p},
        defaults,
    )
    known = [field.name for field in fields(LoadOptions)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"options: {', '.join(known)}"
            raise LLMConfigError(f"there is no option {name!r}; {hint}")
    name = model if model is not None else settings.default_model_path() or "tiny"
    return Catalog(name, LoadOptions(**options), defaults)
