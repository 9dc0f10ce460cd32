"""Loading: from a model's name and a few settings to a model that answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from LLM.exceptions import LLMConfigError
from LLM.extras import how_to_add
from local_llm_kit import devices, gguf, integrity, placement, settings
from local_llm_kit.arguments import Defaults
from local_llm_kit.checkpoint import check_folder, is_checkpoint
from local_llm_kit.hub_files import Kind
from local_llm_kit.load_options import LoadOptions, engine_options
from local_llm_kit.local_files import name_of
from local_llm_kit.model_files import OLLAMA_PREFIX, ModelFile, Sources, expanded, find_model

if TYPE_CHECKING:
    from local_llm_kit.backends import Backend
    from local_llm_kit.devices import Device
    from local_llm_kit.engines.llama_cpp import LlamaCppOptions
    from local_llm_kit.engines.protocol import Engine
    from local_llm_kit.engines.transformers import TransformersOptions
    from local_llm_kit.load_progress import LoadWatch
    from local_llm_kit.memory_plan import MemoryPlan

__all__ = ["LoadOptions", "load_model", "memory_budget", "plan_model"]

#: The back end of each kind of file, and the other way round.
_OF_KIND: dict[Kind, str] = {"gguf": "llama.cpp", "safetensors": "transformers"}
_KINDS: dict[str, Kind] = {backend: kind for kind, backend in _OF_KIND.items()}
_FILES = {"gguf": "a GGUF file", "safetensors": "a folder with config.json and safetensors"}

#: What each back end imports, and the extra that installs it.
_PACKAGES = {
    "llama.cpp": (("llama_cpp",), "llama"),
    "transformers": (("torch", "transformers"), "transformers"),
    "ollama": (("ollama",), "ollama"),
}


def load_model(
    model: str | os.PathLike[str] | None,
    options: LoadOptions,
    defaults: Defaults | None = None,
    *,
    is_second: bool = False,
) -> Backend:
    """Find, check and load a model.

    The back end is the one that is asked for, by argument or variable; else the one that reads the
    model's files; and of a model that is there in both forms, the one that is installed.

    :param model: as for `find_model`; for Ollama's server, the name that it knows.
    :param is_second: it comes to a model that is loaded: ``LOCAL_LLM_KIT_MODEL_PATH`` is then a
        folder to look in, and not one model for every name.
    :raises ModelNotFoundError: there is no such model.
    :raises LLMConfigError: an option or a variable cannot work, or a package is missing.
    :raises InvalidRequestError: the files are damaged, or the chat template cannot be used.
    """
    asked = settings.backend(options.backend)
    if asked == "ollama":
        return _load_ollama(model, options, defaults)
    located = _locate(model, options, asked, is_second)
    if options.verify:
        integrity.verify(located.found)
    load = _load_llama_cpp if located.backend == "llama.cpp" else _load_transformers
    with _packages_of(located.backend):
        engine, planned = load(
            located.found, located.arguments, options.memory_budget, options.on_load
        )
    return _with_template(engine, defaults, planned)


def plan_model(
    model: str | os.PathLike[str] | None, options: LoadOptions, *, is_second: bool = False
) -> MemoryPlan | None:
    """Plan a model's memory without loading it; its header is read, and it is found as by loading.

    :return: None for Ollama's models, whose memory is another program's.
    :raises LLMConfigError: it does not fit into `memory_budget`; or as `load_model`.
    """
    asked = settings.backend(options.backend)
    if asked == "ollama":
        return None
    located = _locate(model, options, asked, is_second)
    make_plan = _plan_llama_cpp if located.backend == "llama.cpp" else _plan_transformers
    with _packages_of(located.backend):
        return make_plan(located.found, located.arguments, options.memory_budget)[0]


def memory_budget(options: LoadOptions) -> int | None:
    """The budget of a client in bytes; None without one.

    A percentage is one of the GPUs' memory where the back end has some, else of the host's.

    :raises LLMConfigError: it is no amount, or the back end cannot keep to one.
    """
    budget = options.memory_budget
    if budget is None:
        return None
    backend = settings.backend(options.backend) or _OF_KIND[loadable_kinds(None)[0]]
    if backend == "ollama":
        engine_options(options, backend)  # refuses the budget: the memory is the server's
    gpus: tuple[Device, ...] = ()
    if isinstance(budget, str) and budget.strip().endswith("%"):
        with _packages_of(backend):
            gpus = devices.gpus(backend)
    return placement.budget_bytes(budget, gpus)


@dataclass(frozen=True, slots=True)
class _Located:
    """A model that was found.

    :param arguments: options of its engine.
    """

    found: ModelFile
    backend: str
    arguments: dict[str, Any]


def _locate(
    model: str | os.PathLike[str] | None, options: LoadOptions, asked: str | None, is_second: bool
) -> _Located:
    options = _with_window(options)
    if asked is not None:
        engine_options(options, asked)  # before gigabytes are downloaded for nothing
    sources = Sources(
        kinds=loadable_kinds(asked),
        offline=settings.offline(options.offline),
        progress=options.progress,
    )
    default_path = settings.default_model_path()
    if is_second and default_path is not None and not _may_hold(default_path, model):
        default_path = None
    found = find_model(model, options.model_path, default_path, sources)
    backend = _OF_KIND[found.kind]
    if asked not in (None, backend):
        raise LLMConfigError(
            f"the back end {asked!r} reads {_FILES[_KINDS[str(asked)]]}, and {str(found.path)!r} "
            f"is {_FILES[found.kind]}; give it such a model, or use backend={backend!r}"
        )
    arguments = engine_options(_with_draft(options, found.kind, sources), backend)
    return _Located(found, backend, arguments)


def _may_hold(path: str, model: str | os.PathLike[str] | None) -> bool:
    """Whether a further model may be at a path: in a folder of models, or under its own name."""
    found = expanded(path)
    is_one_model = not found.is_dir() or is_checkpoint(found)
    return not is_one_model or model == name_of(found)


def loadable_kinds(asked: str | None) -> tuple[Kind, ...]:
    """What can be loaded, the best first.

    :param asked: the back end that is to load it; None means those that are installed.
    """
    if asked is not None:
        return (_KINDS[asked],)
    kinds: tuple[Kind, ...] = ("gguf", "safetensors")
    return tuple(sorted(kinds, key=lambda kind: not _is_installed(_OF_KIND[kind])))


def _is_installed(backend: str) -> bool:
    return all(find_spec(package) is not None for package in _PACKAGES[backend][0])


def _with_window(options: LoadOptions) -> LoadOptions:
    """The options with the window that the environment gives where they have none."""
    return replace(options, context_length=settings.context_length(options.context_length))


def _with_draft(options: LoadOptions, kind: Kind, sources: Sources) -> LoadOptions:
    """The options with the draft model found and checked, as a path.

    :param kind: form of the model that it drafts for.
    """
    if options.draft_model is None:
        return options
    found = find_model(options.draft_model, sources=replace(sources, kinds=(kind,)))
    if found.kind != kind:
        raise LLMConfigError(
            f"draft_model is {os.fspath(options.draft_model)!r}, {_FILES[found.kind]}; give it in "
            f"the form of its model: {_FILES[kind]}"
        )
    if kind == "gguf":
        gguf.check(found.path)
    else:
        check_folder(found.path)
    return replace(options, draft_model=str(found.path))


# The back ends are imported in functions: a client can be imported, and say what is missing,
# without their extras.


def _plan_llama_cpp(
    found: ModelFile, arguments: dict[str, Any], budget: int | str | None
) -> tuple[MemoryPlan, LlamaCppOptions]:
    header = gguf.check(found.path)
    if "adapters" in arguments:
        arguments["adapters"] = _checked_adapters(arguments["adapters"])
    from local_llm_kit.engines.llama_cpp import LlamaCppOptions

    options = LlamaCppOptions(**arguments)
    return placement.plan_llama_cpp(found.name, header, options, budget), options


def _load_llama_cpp(
    found: ModelFile,
    arguments: dict[str, Any],
    budget: int | str | None,
    watch: LoadWatch | None,
) -> tuple[Engine, MemoryPlan]:
    planned, options = _plan_llama_cpp(found, arguments, budget)
    return placement.load_llama_cpp(str(found.path), found.name, planned, options, watch)


def _checked_adapters(adapters: Mapping[str, str | os.PathLike[str]]) -> dict[str, str]:
    paths = {name: os.path.expanduser(path) for name, path in adapters.items()}
    for path in paths.values():
        gguf.check_adapter(path)
    return paths


def _plan_transformers(
    found: ModelFile, arguments: dict[str, Any], budget: int | str | None
) -> tuple[MemoryPlan, TransformersOptions]:
    trusts = arguments.get("trust_remote_code", False)
    checkpoint = check_folder(found.path, trust_remote_code=trusts)
    from local_llm_kit.engines.transformers import TransformersOptions

    options = TransformersOptions(**arguments)
    return placement.plan_transformers(found.name, checkpoint, options, budget), options


def _load_transformers(
    found: ModelFile,
    arguments: dict[str, Any],
    budget: int | str | None,
    watch: LoadWatch | None,
) -> tuple[Engine, MemoryPlan]:
    planned, options = _plan_transformers(found, arguments, budget)
    return placement.load_transformers(str(found.path), found.name, planned, options, watch)


def _load_ollama(
    model: str | os.PathLike[str] | None, options: LoadOptions, defaults: Defaults | None
) -> Backend:
    if not isinstance(model, str):
        raise LLMConfigError(f"model is {model!r}; name a model of the Ollama server")
    arguments = engine_options(_with_window(options), "ollama")
    with _packages_of("ollama"):
        from local_llm_kit.engines.ollama import OllamaModel, OllamaOptions

        name = model.removeprefix(OLLAMA_PREFIX)
        return OllamaModel(name, OllamaOptions(**arguments), defaults)


def _with_template(engine: Engine, defaults: Defaults | None, planned: MemoryPlan) -> Backend:
    """The engine with its chat template around it."""
    from local_llm_kit.local_model import LocalModel

    try:
        return LocalModel(engine, defaults, planned)
    except BaseException:
        engine.close()
        raise


@contextmanager
def _packages_of(backend: str) -> Iterator[None]:
    """Name the extra to install where a package of the back end is missing."""
    for package in _PACKAGES[backend][0]:
        if find_spec(package) is None:
            raise _missing_package(backend, package)
    try:
        yield
    except ImportError as err:
        if err.name is None or err.name.partition(".")[0] in ("LLM", "local_llm_kit"):
            raise  # ours, and no package that could be installed
        raise _missing_package(backend, err.name) from err


def _missing_package(backend: str, package: str) -> LLMConfigError:
    return LLMConfigError(
        f"the back end {backend!r} needs the package {package!r}, which cannot be imported; "
        + how_to_add(_PACKAGES[backend][1]),
        code="missing_package",
    )
