"""Jobs on many machines: a job's requests answered by the workers of a Ray cluster."""

from __future__ import annotations

from llm_kit.ray.client import RayBatchClient
from llm_kit.ray.engine import RayEngine
from llm_kit.ray.exceptions import RayJobError, RayUnreachableError, WorkerLostError
from llm_kit.ray.host import Answerer, EngineHost
from llm_kit.ray.worker import MakeAnswerer, WorkerPlace
from llm_kit.ray.workers import EndpointWorker, LocalWorker

__all__ = [
    "Answerer",
    "EndpointWorker",
    "EngineHost",
    "LocalWorker",
    "MakeAnswerer",
    "RayBatchClient",
    "RayEngine",
    "RayJobError",
    "RayUnreachableError",
    "WorkerLostError",
    "WorkerPlace",
]
