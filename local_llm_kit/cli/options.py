"""Options that several commands share, each named as the library's argument that it becomes.

::

    @click.command(cls=Command)
    @model_option()
    @load_options("context_length", "kv_type")  # these; without names all of them
    def plan(model: str | None, **settings: Any) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from local_llm_kit.cli.command import Option
from local_llm_kit.cli.model_names import complete_model
from local_llm_kit.cli.quantities import Adapter, Duration, Size
from local_llm_kit.settings import API_KEY_VARIABLE, BACKENDS

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
Decorator = Callable[[FunctionT], FunctionT]

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
DTYPES = ("float32", "bfloat16", "float16")
QUANTIZATIONS = ("int8",)
MAX_SLOTS = 255

_MODEL_HELP = (
    "A bundled model (tiny), the path of a GGUF file or of a folder of safetensors, a repository of"
    " the Hugging Face hub (owner/name:Q4_K_M), or a model of Ollama's store (ollama:NAME)."
)
_SEVERAL_HELP = " May be repeated: further models are loaded when a request names them."
_DEFAULT_HELP = "  [default: the one at LOCAL_LLM_KIT_MODEL_PATH, else tiny]"


def model_option(*, multiple: bool = False) -> Decorator[Any]:
    """``--model``, ``-m``.

    :param multiple: take several; the parameter is then `models`, a tuple.
    """
    return click.option(
        "-m",
        "--model",
        "models" if multiple else "model",
        metavar="NAME|PATH",
        multiple=multiple,
        help=_MODEL_HELP + (_SEVERAL_HELP if multiple else "") + _DEFAULT_HELP,
        shell_complete=complete_model,
    )


def _load(*names: str, **attrs: Any) -> Callable[[str], Decorator[Any]]:
    return lambda section: click.option(*names, cls=Option, section=section, **attrs)


_LOAD: dict[str, Callable[[str], Decorator[Any]]] = {
    "model_path": _load("--model-path", metavar="PATH",
        help="The weights, where the model's name does not say."),
    "backend": _load("--backend", type=click.Choice(tuple(dict.fromkeys(BACKENDS.values()))),
        help="What runs the model.  [default: what its files are for]"),
    "context_length": _load("--context-length", type=click.IntRange(16), metavar="TOKENS",
        help="Window of one request.  [default: the model's own, at most 8192]"),
    "n_slots": _load("--slots", "n_slots", type=click.IntRange(1, MAX_SLOTS), default=8,
        metavar="N", show_default=True, help="Requests that run at the same time."),
    "max_queue": _load("--max-queue", type=click.IntRange(0, 1 << 20), default=256,
        metavar="N", show_default=True,
        help="Requests that may wait beyond those; further ones are told to"
        " come back later (429)."),
    "threads": _load("--threads", type=click.IntRange(1, 1024), metavar="N",
        help="Threads that compute.  [default: the machine's cores]"),
    "memory_budget": _load("--memory-budget", metavar="SIZE|PERCENT",
        help="Most that the models may take together: 6GiB, 50%."),
    "keep_alive": _load("--keep-alive", type=Duration(),
        help="How long a model that nobody uses stays loaded: 90, 5m, 1h, forever."
        "  [default: forever]"),
    "kv_type": _load("--kv-type", type=click.Choice(KV_TYPES),
        help="Type of the cache's numbers; smaller ones hold more tokens (llama.cpp)."
        "  [default: f16]"),
    "cache_bytes": _load("--cache-size", "cache_bytes", type=Size(),
        help="Most that the key-value cache may take: 2GiB."),
    "flash_attention": _load("--flash-attention/--no-flash-attention", default=None,
        help="Attention that skips what a request does not see (llama.cpp)."
        "  [default: where it is faster]"),
    "n_gpu_layers": _load("--gpu-layers", "n_gpu_layers", type=click.IntRange(-1, 1 << 16),
        metavar="N", help="Layers held on a GPU, -1 for all (llama.cpp)."
        "  [default: what fits]"),
    "device": _load("--device", metavar="NAME",
        help="Where to compute: cpu, cuda, cuda:1 (transformers)."),
    "dtype": _load("--dtype", type=click.Choice(DTYPES), help="Type of the weights (transformers)."
        "  [default: the model's]"),
    "quantization": _load("--quantization", type=click.Choice(QUANTIZATIONS),
        help="Smaller weights (transformers)."),
    "adapters": _load("--adapter", "adapters", type=Adapter(), multiple=True,
        callback=lambda _ctx, _param, pairs: dict(pairs) or None,
        help="A LoRA adapter under the name that requests give; may be repeated."),
    "draft_model": _load("--draft-model", metavar="NAME|PATH",
        help="A smaller model with the same vocabulary that guesses ahead."),
    "speculation": _load("--speculation", type=click.Choice(("prompt_lookup",)),
        help="Guess that what stood in the prompt comes again."),
    "offline": _load("--offline", is_flag=True, default=None, help="Download nothing."),
    "verify": _load("--verify", is_flag=True,
        help="Hold the weights against their hashes before they are loaded."),
    "progress": _load("--progress/--no-progress", default=None,
        help="Show bars while downloading and loading.  [default: on a terminal]"),
    "host": _load("--ollama-host", "host", metavar="URL", help="Address of the Ollama server."),
    "pull": _load("--pull", is_flag=True, help="Let the Ollama server download the model."),
    "server_timeout": _load("--ollama-timeout", "server_timeout", type=Duration(),
        help="How long the Ollama server may say nothing.  [default: 600]"),
}  # fmt: skip

#: The names of all load options.
LOAD_OPTIONS = tuple(_LOAD)


def load_options(*names: str, section: str = "Loading") -> Decorator[Any]:
    """How to load a model: fields of `LoadOptions` by their names.

    :param names: which; none means all of them.
    :param section: the heading in help.
    """
    return _together([_LOAD[name](section) for name in names or LOAD_OPTIONS])


#: Sampling options by the arguments that they become: flags, and what click is told of them.
_SAMPLING: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "temperature": (("-t", "--temperature"), {"type": click.FloatRange(0, 2), "metavar": "X",
        "help": "0 takes the likeliest token.  [default: 0.7]"}),
    "top_p": (("--top-p",), {"type": click.FloatRange(0, 1, min_open=True), "metavar": "X",
        "help": "Choose among the likeliest tokens of this share.  [default: 0.9]"}),
    "top_k": (("--top-k",), {"type": click.IntRange(0), "metavar": "N",
        "help": "Choose among the N likeliest tokens; 0 means all."}),
    "min_p": (("--min-p",), {"type": click.FloatRange(0, 1), "metavar": "X",
        "help": "Drop tokens less likely than this share of the likeliest."}),
    "repetition_penalty": (("--repetition-penalty",), {"type": click.FloatRange(0.01, 10),
        "metavar": "X", "help": "1 means none."}),
    "seed": (("--seed",), {"type": click.INT, "metavar": "N",
        "help": "Makes the answer repeatable."}),
    "max_tokens": (("-n", "--max-tokens"), {"type": click.IntRange(1), "metavar": "TOKENS",
        "help": "Longest answer.  [default: as fits]"}),
    "stop": (("--stop",), {"type": click.STRING, "multiple": True, "metavar": "TEXT",
        "help": "Text that ends the answer; up to 4 times."}),
}  # fmt: skip

SAMPLING = tuple(_SAMPLING)


def sampling_options(function: FunctionT) -> FunctionT:
    """How tokens are chosen: arguments of a chat completion by their names; None is not given."""
    decorate = _together([
        click.option(*flags, name, cls=Option, section="Sampling", **attrs)
        for name, (flags, attrs) in _SAMPLING.items()
    ])  # fmt: skip
    decorated: FunctionT = decorate(function)
    return decorated


def sampling_value(name: str, text: str) -> Any:
    """What a sampling option of this name makes of a text.

    :raises click.BadParameter: there is no such option, or it cannot be that.
    """
    if name not in _SAMPLING:
        raise click.BadParameter(f"there is no setting {name!r}; there are {', '.join(SAMPLING)}")
    value = _SAMPLING[name][1]["type"].convert(text, None, None)
    return [value] if name == "stop" else value


def take_sampling(settings: dict[str, Any]) -> dict[str, Any]:
    """Remove the sampling options from a command's settings; those that were given."""
    taken = {name: settings.pop(name) for name in SAMPLING}
    taken["stop"] = list(taken["stop"]) or None
    return {name: value for name, value in taken.items() if value is not None}


def given(ctx: click.Context, names: Mapping[str, Any]) -> list[str]:
    """The flags among `names` that were typed, as they are spelled in help."""
    return [
        max(param.opts, key=len)
        for param in ctx.command.params
        if param.name in names
        and ctx.get_parameter_source(param.name) is click.core.ParameterSource.COMMANDLINE
    ]


def url_options(*, default: str | None = None) -> Decorator[Any]:
    """``--url`` of a running server, and the key it asks for: `url` and `api_key`.

    :param default: the address; None leaves `url` None.
    """
    return _together([
        click.option("--url", cls=Option, section="Server", default=default, metavar="URL",
            show_default=default is not None,
            help="A server with OpenAI's API, http://127.0.0.1:8000 for example."),
        click.option("--api-key", cls=Option, section="Server", envvar=API_KEY_VARIABLE,
            show_envvar=True, callback=_checked_key,
            help="Its key. Other users of the machine can read command lines: prefer the"
            " environment variable."),
    ])  # fmt: skip


def _checked_key(ctx: click.Context, param: click.Parameter, key: str | None) -> str | None:
    if key == "" and ctx.get_parameter_source("api_key") is click.core.ParameterSource.COMMANDLINE:
        raise click.BadParameter("the key is empty", ctx, param)
    return key or None


def json_option(function: FunctionT) -> FunctionT:
    """``--json``: `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON.")(function)


def log_format_option(function: FunctionT) -> FunctionT:
    """``--log-format``, of servers."""
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Write all logs on standard error as text, or as a line of JSON for each record.",
    )(function)


def _together(decorators: list[Decorator[Any]]) -> Decorator[Any]:
    """Options in the order in which they are listed."""

    def decorate(function: FunctionT) -> FunctionT:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate
