"""Jobs on many machines: the engine that answers a job's requests on a Ray cluster."""

from __future__ import annotations

from llm_kit.ray.engine import RayEngine
from llm_kit.ray.exceptions import RayJobError, RayUnreachableError, WorkerLostError
from llm_kit.ray.worker import MakeEngine, WorkerPlace

__all__ = [
    "MakeEngine",
    "RayEngine",
    "RayJobError",
    "RayUnreachableError",
    "WorkerLostError",
    "WorkerPlace",
]
