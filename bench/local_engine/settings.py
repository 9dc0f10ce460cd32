"""How much to measure, and where the models are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from local_engine.children import Worker

_WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Settings:
    """What the command line says.

    :param models: folder that `scripts/make-random-model` wrote to.
    :param rounds: how often each contender has its turn.
    :param scale: lengths of answers and prompts as a share of the full ones; 1 for real figures.
    :param peer_python: a Python that has llama-cpp-python with its extra ``[server]``.
    """

    models: Path
    rounds: int = 5
    scale: float = 1.0
    peer_python: str = sys.executable

    def tokens(self, n: int) -> int:
        """A length scaled, at least 8."""
        return max(8, round(n * self.scale))

    def model(self, name: str) -> Path:
        """A model's path.

        :raises FileNotFoundError: it was not made; the message has the command that makes it.
        """
        path = self.models / name
        if not path.exists():
            kind, _, type_name = name.removesuffix(".gguf").partition("-")
            option = f" --type {type_name}" if type_name else ""
            command = f"scripts/make-random-model {kind} {self.models}{option}"
            raise FileNotFoundError(f"no model {str(path)!r}; run: {command}")
        return path

    def worker(self, contender: str, model: str) -> Worker:
        """A contender that computes in a child process."""
        return Worker([sys.executable, str(_WORKER), contender, str(self.model(model))])
