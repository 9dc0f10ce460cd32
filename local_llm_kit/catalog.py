"""The models of one client: loaded at first need, closed when nothing uses them any more."""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from LLM.exceptions import LLMConfigError, LLMServerError
from local_llm_kit import settings
from local_llm_kit.arguments import Defaults, parse_chat
from local_llm_kit.backends import Backend
from local_llm_kit.load_progress import LoadProgress
from local_llm_kit.loading import LoadOptions, load_model, memory_budget, plan_model
from local_llm_kit.model_files import BUNDLED, present_models
from local_llm_kit.pool import Holding, Lease, ModelPool, PoolOptions

if TYPE_CHECKING:
    from local_llm_kit.engines.protocol import EngineStats, ModelInfo
    from local_llm_kit.memory_plan import MemoryPlan


class Catalog:
    """The models of one client, by name; the models of calls that name another come to its own.

    :param model: the client's own model; None takes the one at ``LOCAL_LLM_KIT_MODEL_PATH``, else
        ``tiny``.
    :param options: how to load it.
    :param defaults: used for arguments that a call leaves out.
    """

    def __init__(
        self, model: str | os.PathLike[str] | None, options: LoadOptions, defaults: Defaults
    ) -> None:
        own = settings.default_model_path() or "tiny" if model is None else model
        self.name = os.fspath(own) if isinstance(own, os.PathLike) else own
        self.defaults = defaults
        own_path = options.model_path if model is None and options.model_path else None
        # What is no name at all is refused, by its type, when it is looked for.
        self._label = _label(os.fspath(own_path) if own_path else str(self.name))
        # A bundled model's answers carry the name that it is asked for by, which is known without
        # loading it; a file's name, or a repository's, may be longer than what they carry.
        self._bears_its_name = self.name in BUNDLED and options.model_path is None
        self._info: ModelInfo | None = None
        self._plan: MemoryPlan | None = None
        self._closed = False
        # No method of this object: the pool would keep it alive, and with it itself.
        self._loader = loader = _Loader(self.name, model, options, defaults)
        self._budget = memory_budget(options)
        self._pool = ModelPool[Backend](
            loader.load, loader.size, PoolOptions(self._budget, keep_alive_s=options.keep_alive)
        )

    @property
    def info(self) -> ModelInfo:
        """Facts about the client's own model.

        :raises LLMConfigError: it has never been loaded.
        """
        if self._info is None:
            raise self._not_loaded()
        return self._info

    @property
    def stats(self) -> EngineStats:
        """What the client's own model is doing.

        :raises LLMConfigError: it is not loaded.
        """
        lease = self.lease_ready(self.name)
        if lease is None:
            raise self._not_loaded()
        with lease as model:
            return model.stats

    @property
    def memory_plan(self) -> MemoryPlan | None:
        """What the client's own model was planned to take; None of Ollama's.

        :raises LLMConfigError: it has never been loaded.
        """
        if self._info is None:
            raise self._not_loaded()
        return self._plan

    def _not_loaded(self) -> LLMConfigError:
        return LLMConfigError(
            f"the model {self.name!r} is not loaded; call load() or enter the client's block"
        )

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._closed

    @property
    def description(self) -> str:
        """The client's own model and its state, for a repr."""
        if self._info is None:
            facts = f"{self.name!r}, not loaded"
        else:
            facts = f"{self._info.name!r}, context_length={self._info.context_length}"
        return f"{facts}, closed" if self._closed else facts

    def label(self, name: str | None) -> str:
        """What a model is called where no path of this machine belongs.

        :param name: None means the client's own.
        """
        if name is None or name == self.name:
            return self._label
        return _label(name)

    def check_open(self) -> None:
        """Refuse a client that cannot be used.

        :raises LLMServerError: it is closed, or this process was forked.
        """
        self._pool.check_open()

    def lease_ready(self, name: str) -> Lease[Backend] | None:
        """Hold a model that is loaded; None when it is not. Never waits.

        :raises LLMServerError: the client is closed.
        """
        return self._pool.lease_ready(name)

    def lease(self, name: str | None, wait_s: float = 0.0) -> Lease[Backend]:
        """Hold a model, loading it if need be.

        :param name: None means the client's own.
        :param wait_s: seconds to wait for room while the other models are in use.
        :raises ModelNotFoundError: there is no such model.
        :raises LLMRateLimitError: the models in use leave no room for it.
        :raises LLMServerError: the client is closed.
        """
        if name is not None and name != self.name and not self._is_own(name):
            return self._pool.lease(name, wait_s)
        lease = self._pool.lease(self.name, wait_s)
        self._info, self._plan = lease.model.info, lease.model.memory_plan
        return lease

    def find(self, name: str) -> None:
        """Have a model at hand without loading it: find it, on the hub if need be, and plan it.

        What an Ollama server has is known to it alone.

        :raises ModelNotFoundError: there is no such model.
        :raises LLMConfigError: it does not fit the budget even alone.
        """
        self._loader.size(name, self._budget)

    def download_no_more(self) -> None:
        """Load from this machine alone from now on, even what has disappeared from it since."""
        self._loader.download_no_more()

    def _is_own(self, name: str) -> bool:
        """Whether a name is what answers of the client's own model carry."""
        if self._info is None:
            if self._bears_its_name:
                return False
            self.lease(None).release()
        return self._info is not None and name == self._info.name

    def names(self) -> list[str]:
        """Names of the models that calls can ask for without a download, the client's own first."""
        if self._info is not None and self._info.backend != "ollama":
            names = [self._info.name]  # loaded or not: a look must not push another model out
        else:
            with self.lease(None) as model:
                names = model.models()
                if model.info.backend == "ollama":  # its server has all its models, and no other
                    return names
        names += [one.name for one in self._pool.loaded() if one.name != self.name]
        names += present_models(default_path=settings.default_model_path())
        return list(dict.fromkeys(names))

    def loaded(self) -> list[Holding]:
        """The models that are loaded or on their way in or out, in the order in which they came."""
        return self._pool.loaded()

    def loaded_models(self) -> list[Backend]:
        """The models that are ready, for a look at them; they may be closed at any time."""
        return self._pool.loaded_models()

    def ready(self) -> list[tuple[Holding, Backend]]:
        """The models that are ready, and how each is held; they may be closed at any time."""
        return self._pool.ready()

    def seconds_left(self, holding: Holding) -> float | None:
        """How long a model stays loaded if nobody uses it from now on; None for ever."""
        return self._pool.seconds_left(holding)

    def unload(self, name: str) -> bool:
        """Close a model now; False when it is not loaded, or in use."""
        return self._pool.unload(name)

    def close(self) -> None:
        """Close the models; repeatable. What is being loaded ends where it is."""
        self._closed = True
        self._loader.closing.set()
        self._pool.close()


def _label(name: str) -> str:
    """The last part of a path; names of the hub have a slash, too."""
    is_path = name.endswith(".gguf") or name[:1] in "./~\\" or os.path.isabs(name)
    return PurePath(name).name if is_path else name


class _Loader:
    """Loads a client's models, and tells what they would take.

    What says how to load the client's own model in particular is left out for others.

    :ivar closing: set when nobody waits for a model any more.
    """

    def __init__(
        self,
        own_name: str,
        own: str | os.PathLike[str] | None,
        options: LoadOptions,
        defaults: Defaults,
    ) -> None:
        self.closing = threading.Event()
        self._own_name = own_name
        self._own = own
        self._given = options
        self._defaults = defaults

    def download_no_more(self) -> None:
        """Find models on this machine alone; an Ollama server's are no concern of ours."""
        self._given = replace(self._given, offline=self._given.offline or not self._given.pull)

    def load(self, name: str, room_bytes: int | None) -> Backend:
        """Load a model into so many bytes.

        :raises LLMServerError: the client was closed meanwhile.
        """
        options, is_own = self._options(name, room_bytes), name == self._own_name
        options = replace(options, on_load=self._told)
        model = self._own if is_own else name
        return load_model(model, options, self._defaults, is_second=not is_own)

    def _told(self, progress: LoadProgress) -> None:
        """Hear how far a load is, and end it when the client is closed: it may take minutes."""
        if self.closing.is_set():
            raise LLMServerError("the client is closed", status_code=503, code="engine_closed")
        if self._given.on_load is not None:
            self._given.on_load(progress)

    def size(self, name: str, room_bytes: int | None) -> int:
        """Bytes that a model would take of so many; another program's take none."""
        options, is_own = self._options(name, room_bytes), name == self._own_name
        planned = plan_model(self._own if is_own else name, options, is_second=not is_own)
        return 0 if planned is None else planned.total_bytes

    def _options(self, name: str, room_bytes: int | None) -> LoadOptions:
        options = replace(self._given, memory_budget=room_bytes)
        if name == self._own_name:
            return options
        return replace(
            options, model_path=None, context_length=None, adapters=None, draft_model=None
        )


def open_catalog(
    model: str | os.PathLike[str] | None,
    temperature: float,
    top_p: float,
    options: Mapping[str, Any],
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
    return Catalog(model, LoadOptions(**options), defaults)
