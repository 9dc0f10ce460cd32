"""A memory plan: what a model takes, part by part, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

#: Name of the row that tells what the whole process grew by.
RESIDENT = "resident"


def format_bytes(size: int) -> str:
    """A size as people read it: ``330.1 MiB``."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if abs(amount) < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.2f} GiB"


@dataclass(frozen=True, slots=True, repr=False)
class MemoryPlan:
    """What a model is planned to take. Its `repr` is a table.

    :param model: the model's name.
    :param parts: bytes by what they are for: ``weights``, ``cache`` (keys and values),
        ``workspace`` (the values of a batch), ``logits``, ``vocabulary``, and where there are any
        ``adapters`` and ``draft``.
    :param context_length: window of a request in tokens.
    :param n_slots: sequences that run at once.
    :param n_cells: tokens that the cache holds, all sequences together.
    :param n_batch: rows of the largest batch.
    :param n_gpu_layers: layers on GPUs, the head counted as one; 0 without one.
    :param device_bytes: bytes by device.
    :param budget_bytes: what was to be kept to; None without a budget.
    :param decisions: what was chosen and why, in words.
    :param is_estimate: something of this model is not modelled; `decisions` says what.
    :param measured: bytes found when it was loaded, by part, as the back end tells them; empty
        before. Two more may be there: ``resident``, what the process grew by while it was loaded,
        which lacks what is not used yet; and ``repacked``, weights that llama.cpp laid out anew
        beside the mapped file.
    """

    model: str
    parts: Mapping[str, int]
    context_length: int
    n_slots: int
    n_cells: int
    n_batch: int
    n_gpu_layers: int = 0
    device_bytes: Mapping[str, int] = field(default_factory=dict)
    budget_bytes: int | None = None
    decisions: tuple[str, ...] = ()
    is_estimate: bool = False
    measured: Mapping[str, int] = field(default_factory=dict)

    @property
    def total_bytes(self) -> int:
        """All parts together."""
        return sum(self.parts.values())

    def with_measured(self, measured: Mapping[str, int]) -> MemoryPlan:
        """The same plan beside what was found."""
        return replace(self, measured=dict(measured))

    def deviation(self, part: str) -> float | None:
        """How much more was planned than found, as a share of what was found; None if unknown."""
        found = self.measured.get(part)
        return self.parts[part] / found - 1 if found else None

    @property
    def total_deviation(self) -> float | None:
        """The same for the sum of the parts that were measured."""
        found = sum(size for part, size in self.measured.items() if part in self.parts)
        planned = sum(size for part, size in self.parts.items() if part in self.measured)
        return planned / found - 1 if found else None

    def __repr__(self) -> str:
        return self.table()

    def table(self) -> str:
        """Planned beside what was measured, if it was, a line for each part; then the decisions."""
        lines = [f"{self.model}: {format_bytes(self.total_bytes)} planned{self._of_budget()}"]
        lines.append(f"{'':12}{'planned':>12}" + (f"{'measured':>12}" if self.measured else ""))
        lines += [self._line(part, size, self.measured.get(part), self.deviation(part))
                  for part, size in self.parts.items()]  # fmt: skip
        found = [size for part, size in self.measured.items() if part in self.parts]
        lines.append(
            self._line("total", self.total_bytes, sum(found) or None, self.total_deviation)
        )
        lines += [self._line(part, None, size, None)
                  for part, size in self.measured.items() if part not in self.parts]  # fmt: skip
        if len(self.device_bytes) > 1:
            lines += [self._line(name, size, None, None)
                      for name, size in self.device_bytes.items()]  # fmt: skip
        return "\n".join([*lines, *(f"- {decision}" for decision in self.decisions)])

    def _of_budget(self) -> str:
        if self.budget_bytes is None:
            return ""
        return f" of a budget of {format_bytes(self.budget_bytes)}"

    @staticmethod
    def _line(name: str, planned: int | None, found: int | None, deviation: float | None) -> str:
        cells = ("" if size is None else format_bytes(size) for size in (planned, found))
        line = f"{name:12}" + "".join(f"{cell:>12}" for cell in cells)
        return line.rstrip() if deviation is None else f"{line}{deviation:>+9.1%}"
