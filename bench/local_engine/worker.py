"""A contender that computes in this process, asked over standard input.

    python bench/local_engine/worker.py CONTENDER MODEL

Each line of input is a JSON object of arguments for `turn`, each line of output its result, or
`{"error": reason}`. The first line of output says that the model is loaded.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

os.environ.update(OMP_NUM_THREADS="1", GGML_NO_BACKTRACE="1", HF_HUB_OFFLINE="1")


class Contender(Protocol):
    def turn(self, **request: Any) -> dict[str, Any]: ...


def _client(model: str) -> Contender:
    from local_engine.our_client import OurClient

    return OurClient(model, "llama.cpp")


def _engine(model: str) -> Contender:
    from local_engine.engine import Engine

    return Engine(model)


def _torch_client(model: str) -> Contender:
    from local_engine.our_client import OurClient

    return OurClient(model, "transformers")


def _binding(model: str) -> Contender:
    from local_engine.binding import HighLevel

    return HighLevel(model)


def _loop(model: str) -> Contender:
    from local_engine.binding import DecodeLoop

    return DecodeLoop(model)


def _generate(model: str) -> Contender:
    from local_engine.generate import Generate

    return Generate(model)


CONTENDERS: dict[str, Callable[[str], Contender]] = {
    "client": _client,
    "engine": _engine,
    "torch_client": _torch_client,
    "binding": _binding,
    "decode_loop": _loop,
    "generate": _generate,
}


def main() -> None:
    name, model = sys.argv[1:]
    # Libraries print on standard output; the answers go where it pointed at first.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def attempt(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - told to the parent, which prints it
            return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}

    contender = attempt(lambda: CONTENDERS[name](model))
    failed = isinstance(contender, dict)
    print(json.dumps(contender if failed else {"ready": True}), file=answers)
    for line in () if failed else sys.stdin:
        print(
            json.dumps(attempt(lambda line=line: contender.turn(**json.loads(line)))), file=answers
        )


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    main()
