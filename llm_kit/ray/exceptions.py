"""What goes wrong between a job and its Ray cluster."""

from __future__ import annotations

from LLM.exceptions import LLMConnectionError, LLMError


class RayUnreachableError(LLMConnectionError):
    """No Ray cluster answers at the address, or none could be started on this machine."""


class RayJobError(LLMError):
    """The cluster gave a job up; what has ended is finished, and the next run asks the rest."""


class WorkerLostError(LLMError):
    """The process that answered a request died, again and again; the job went on without it."""
