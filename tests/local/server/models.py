"""What the tests of the server share: further models, metrics, and waiting for what will be so."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from local_llm_kit.model_files import BUNDLED
from local_llm_kit.server import LocalServer
from tests.local.http import ask


def copy_of_tiny(folder: Path, name: str) -> str:
    """The path of a further model."""
    return str(shutil.copy(BUNDLED["tiny"], folder / f"{name}.gguf"))


def metrics(server: LocalServer, **headers: str) -> dict[str, float]:
    """Values by name and labels, without the common prefix."""
    answer = ask(server.url, "/metrics", headers=headers)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        ",".join(
            (sample.name.removeprefix("local_llm_kit_"), *sample.labels.values())
        ): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def metric(server: LocalServer, name: str) -> float:
    """One value; 0 where there is none yet."""
    return metrics(server).get(name, 0.0)


def until(is_so: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)
