"""Settings of a job, checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, get_args

from LLM.batch.types import BatchProgress, EngineName, Price
from LLM.exceptions import LLMConfigError

#: Requests in flight at a server where no number is given.
DEFAULT_CONCURRENCY = 64


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How a job is run: `BatchOptions` with what is not given filled in.

    :param errors: file of failures; None for the output's name with ``.errors`` in it.
    :param engine: who makes the calls.
    :param concurrency: most requests in flight; None leaves it to the engine.
    :param limit: answer only the first so many requests; None for all.
    :param keep_order: have the output in the input's order.
    :param deduplicate: answer requests of the same words once.
    :param retry_errors: ask again what has failed for good in an earlier run.
    :param dry_run: send nothing.
    :param progress: how progress is shown.
    :param price: prices answers.
    :param max_cost: US dollars that a run may cost; None for no limit.
    :raises LLMConfigError: a value cannot work; the message names it.
    """

    errors: Path | None = None
    engine: EngineName = "threads"
    concurrency: int | None = None
    limit: int | None = None
    keep_order: bool = False
    deduplicate: bool = False
    retry_errors: bool = False
    dry_run: bool = False
    progress: bool | Callable[[BatchProgress], object] | None = None
    price: Price | None = None
    max_cost: float | None = None

    @classmethod
    def of(cls, options: Any) -> Self:
        """Those of `BatchOptions`.

        :param options: a dict of them.
        :raises LLMConfigError: there is no such option, or its value cannot work.
        """
        names = [field.name for field in fields(cls)]
        for name in options:
            if name not in names:
                raise LLMConfigError(f"batch has no option {name!r}; there are {', '.join(names)}")
        errors = options.get("errors")
        if errors is not None:
            if not isinstance(errors, str | Path) or not str(errors):
                raise LLMConfigError(f"errors is {errors!r}; give the name of a file, or None")
            options = {**options, "errors": Path(errors)}
        return cls(**options)

    def __post_init__(self) -> None:
        if self.engine not in get_args(EngineName):
            known = ", ".join(get_args(EngineName))
            raise LLMConfigError(f"engine is {self.engine!r}; give one of {known}")
        for name in ("concurrency", "limit"):
            value = getattr(self, name)
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (is_whole and value >= 1):
                raise LLMConfigError(f"{name} is {value!r}; give a whole number from 1, or None")
        for name in ("keep_order", "deduplicate", "retry_errors", "dry_run"):
            if not isinstance(getattr(self, name), bool):
                raise LLMConfigError(f"{name} is {getattr(self, name)!r}; give True or False")
        if not (
            self.progress is None or isinstance(self.progress, bool) or callable(self.progress)
        ):
            raise LLMConfigError(
                f"progress is {self.progress!r}; give True, False, None or a function of a "
                "BatchProgress"
            )
        if self.price is not None and not callable(self.price):
            raise LLMConfigError(
                f"price is {self.price!r}; give a function of a model's name and a Usage"
            )
        self._check_max_cost()

    def _check_max_cost(self) -> None:
        cost: Any = self.max_cost
        if cost is None:
            return
        is_number = isinstance(cost, int | float) and not isinstance(cost, bool)
        if not is_number or not 0 < cost < float("inf"):
            raise LLMConfigError(f"max_cost is {cost!r}; give US dollars over 0, or None")
        if self.price is None:
            raise LLMConfigError(
                f"max_cost is {cost!r}, and nothing tells what answers cost; give price, a "
                "function of a model's name and a Usage"
            )


def errors_path(output: Path, settings: JobSettings) -> Path:
    """Where failures go: ``out.errors.jsonl`` for ``out.jsonl``."""
    return settings.errors or output.with_name(f"{output.stem}.errors{output.suffix}")
