"""How to reach an Ollama server and use it."""

from __future__ import annotations

from dataclasses import dataclass

from LLM.exceptions import LLMConfigError
from local_llm_kit.engines.defaults import check_whole_numbers
from local_llm_kit.engines.ollama.progress import Progress

_RANGES = {"context_length": (1, 1 << 30), "n_slots": (1, 256), "max_queue": (0, 1 << 20)}
_LONGEST_TIMEOUT_S = 1e6


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
        check_whole_numbers(self, _RANGES)
        timeout_s = self.timeout_s  # server_timeout in LoadOptions
        if type(timeout_s) not in (int, float) or not 0 < timeout_s <= _LONGEST_TIMEOUT_S:
            raise LLMConfigError(
                f"timeout_s is {timeout_s!r}; give seconds, more than 0 and at most "
                f"{_LONGEST_TIMEOUT_S:,.0f}"
            )
