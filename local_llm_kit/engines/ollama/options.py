"""How to reach an Ollama server and use it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from LLM.exceptions import LLMConfigError
from local_llm_kit.engines.ollama.progress import Progress

_RANGES: dict[str, tuple[float, float]] = {
    "context_length": (1, 1 << 30),
    "n_slots": (1, 256),
    "max_queue": (0, 1 << 20),
    "timeout_s": (0.001, 1e6),  # server_timeout in LoadOptions
}


@dataclass(frozen=True, slots=True)
class OllamaOptions:
    """Settings of the back end; None leaves a choice to the environment or to the server.

    :param host: where the server is, as ``OLLAMA_HOST`` is written: ``host``, ``host:port`` or a
        URL. Default: that variable, else ``127.0.0.1:11434``.
    :param context_length: window in tokens, prompt and output together. Default: the ``num_ctx``
        of the model's Modelfile, else the model's own window, at most 8,192.
    :param n_slots: calls that are sent at once, 1 to 256; the server may still queue them
        (``OLLAMA_NUM_PARALLEL``).
    :param max_queue: calls that may wait beyond those.
    :param timeout_s: seconds until an answer begins (the server may have to load the model), and
        then between two pieces of it.
    :param keep_alive: how long the server keeps the model loaded after a call: seconds, 0 to
        unload at once, negative for ever; or a text such as ``10m``. Default: the server's own.
    :param pull: download the model to the server when it is not there.
    :param progress: True shows the download on a line of stderr, False nothing; a callable is told
        of every step, on another thread. Default: a terminal is shown it.
    """

    host: str | None = None
    context_length: int | None = None
    n_slots: int = 8
    max_queue: int = 256
    timeout_s: float = 600.0
    keep_alive: float | str | None = None
    pull: bool = False
    progress: bool | Progress | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and field.name in _RANGES:
                _check(field.name, value, *_RANGES[field.name])


def _check(name: str, value: object, low: float, high: float) -> None:
    kinds = (int, float) if name == "timeout_s" else int
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise LLMConfigError(f"{name} is {value!r}; it must be from {low:,} to {high:,.0f}")
