"""What is wrong with a table."""

from __future__ import annotations

from pathlib import Path

from LLM.batch.exceptions import BatchInputError


def table_error(path: Path, problem: str) -> BatchInputError:
    """A table that cannot be a job's input; says which, and what to do."""
    return BatchInputError(f"{path}: {problem}")


def unreadable(path: Path, err: OSError) -> BatchInputError:
    """A table that the system does not let be read."""
    return table_error(path, f"cannot be read: {err.strerror or err}; check its name and rights")
