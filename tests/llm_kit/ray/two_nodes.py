"""A Ray cluster of two nodes on this machine, and a job's own process that runs on the first.

It reads a scenario's name and arguments from standard input, a line of JSON each, and writes what
came of it to standard output likewise. It ends, and its cluster with it, when its input ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from pydantic_core import to_json
from ray.cluster_utils import Cluster

from LLM import LLMConfig, LLMError
from LLM.batch.types import BatchOutcome, BatchRequest
from llm_kit.batch import run_batch
from llm_kit.ray import EndpointWorker, LocalWorker, RayBatchClient, RayEngine
from tests.llm_kit.ray import echo_engines

NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 100 * 2**20}


class Scenarios:
    """What the tests ask for, by name."""

    def __init__(self) -> None:
        self._cluster = Cluster(
            initialize_head=True, head_node_args={**NODE, "include_dashboard": False}
        )
        self._second = self._cluster.add_node(**NODE)

    def address(self) -> dict[str, Any]:
        """Where the cluster listens."""
        return {"address": self._cluster.address}

    def echo(self, prompts: list[str], make: str = "echo", **how: Any) -> dict[str, Any]:
        """Answer the prompts by workers that echo."""
        return self._run(prompts, make, lambda _: None, **how)

    def kill_worker(self, prompts: list[str], **how: Any) -> dict[str, Any]:
        """End the process that answers first."""
        return self._run(prompts, "echo", lambda pid: os.kill(pid, signal.SIGKILL), **how)

    def kill_node(self, prompts: list[str], **how: Any) -> dict[str, Any]:
        """End the second node with all of its processes."""
        cluster, second = self._cluster, self._second
        return self._run(
            prompts, "echo", lambda _: cluster.remove_node(second, allow_graceful=False), **how
        )

    def batch(self, worker: str, made_of: dict[str, Any], **job: Any) -> dict[str, Any]:
        """Run a job over files by workers of ours."""
        made = LocalWorker(**made_of) if worker == "local" else EndpointWorker(LLMConfig(**made_of))
        client = RayBatchClient(made, address=self._cluster.address)
        report = run_batch(client, progress=False, **job)
        return {"n_answered": report.n_answered, "n_failed": report.n_failed}

    def _run(
        self, prompts: list[str], make: str, at_first: Callable[[int], object], **how: Any
    ) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []

        def finish(outcome: BatchOutcome) -> None:
            if outcome.error is not None or outcome.answer is None:
                errors.append({"index": outcome.request.index, "error": told(outcome.error)})
                return
            answers.append({"index": outcome.request.index, **json.loads(outcome.answer)})
            if len(answers) == 1:
                at_first(answers[0]["pid"])

        engine = RayEngine(getattr(echo_engines, make), address=self._cluster.address, **how)
        raised = None
        try:
            engine.run(map(request, range(len(prompts)), prompts), finish)
        except LLMError as err:
            raised = told(err)
        return {"answers": answers, "errors": errors, "raised": raised}

    def close(self) -> None:
        """End all processes of the cluster."""
        self._cluster.shutdown()  # type: ignore[no-untyped-call] # Ray's


def request(index: int, prompt: str) -> BatchRequest:
    """A request of a job."""
    body = {"prompt": prompt}
    return BatchRequest(index, f"r{index}", "/v1/completions", body, to_json(body), f"id-{index}")


def told(err: LLMError | None) -> list[Any]:
    """An error's class and fields."""
    return [type(err).__name__, str(err), getattr(err, "status_code", None)]


def main() -> None:
    """Answer one line after another."""
    scenarios = Scenarios()
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                reply = getattr(scenarios, asked.pop("scenario"))(**asked)
            except Exception:  # noqa: BLE001 - the test shows it
                reply = {"fault": traceback.format_exc()}
            print(json.dumps(reply), flush=True)
    finally:
        scenarios.close()


if __name__ == "__main__":
    main()
