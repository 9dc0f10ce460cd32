"""Planning: the batch, the cache, the window and the layers on GPUs that fit into memory.

What does not fit is made smaller in this order: the batch, which makes prompts slower to read; the
cache, down to one window for all slots; the window, unless the caller named one, down to
`MIN_WINDOW`; the layers on GPUs. Weights and vocabulary are what they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from LLM.exceptions import LLMConfigError
from local_llm_kit.devices import Device
from local_llm_kit.engines.defaults import DEFAULT_WINDOW, affordable_cells
from local_llm_kit.memory_plan import MemoryPlan, format_bytes
from local_llm_kit.model_memory import Choice, Sizes
from local_llm_kit.model_shape import ModelShape

#: Shortest window chosen without being asked for, in tokens; that of many a small model.
MIN_WINDOW = 2048
#: llama.cpp rounds the cache up to this many tokens.
CELL_STEP = 256
#: Left free on a GPU, in bytes, for its driver and for what others take meanwhile.
GPU_RESERVE_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the caller wants of a plan.

    :param context_length: window in tokens; None takes the model's own, at most 8,192, and lets
        the plan lower it.
    :param n_slots: sequences that run at once.
    :param kv_type: name of the cache's type, for the plan's words.
    :param n_gpu_layers: layers on GPUs, the head counted as one; None takes what fits, -1 all.
    :param cache_bytes: most that the cache may take; None means 1 GiB, or one window if that is
        more.
    :param budget_bytes: most that the model may take, on all devices together; None sets no bound.
        What GPUs have free bounds it in any case.
    """

    context_length: int | None = None
    n_slots: int = 8
    kv_type: str = "f16"
    n_gpu_layers: int | None = None
    cache_bytes: int | None = None
    budget_bytes: int | None = None


class Memory(Protocol):
    """What a back end takes; `ModelMemory` and `TorchMemory` tell it."""

    @property
    def shape(self) -> ModelShape:
        """The model."""

    @property
    def gpus(self) -> Sequence[Device]:
        """What it is put on, besides the host."""

    @property
    def cell_bytes(self) -> int:
        """Bytes of cache that one token takes."""

    @property
    def row_choices(self) -> tuple[int, ...]:
        """Sizes of batches to choose from, the best first."""

    @property
    def way_to_save(self) -> str:
        """What a caller can do who has too little memory, in the imperative."""

    @property
    def is_exact(self) -> bool:
        """Whether every part is modelled; False where the workspace is an estimate."""

    def sizes(self, choice: Choice) -> Sizes:
        """What a choice takes: the more, the more cells, rows and layers it has."""


def plan(model: str, memory: Memory, options: PlanOptions) -> MemoryPlan:
    """Plan a model's memory.

    :param model: its name, for messages.
    :raises LLMConfigError: it cannot be made to fit, or a budget is given for a model of which
        something is not modelled.
    """
    if options.budget_bytes is not None and memory.shape.unmodelled:
        raise LLMConfigError(
            f"the memory of {model!r} cannot be planned: it has "
            f"{', '.join(memory.shape.unmodelled)}, which is not modelled; leave memory_budget out",
            code="memory_not_modelled",
        )
    return _Planner(model, memory, options).plan()


class _Planner:
    """Searches the largest choice that fits; all sizes grow with cells, rows and layers."""

    def __init__(self, model: str, memory: Memory, options: PlanOptions) -> None:
        self._model, self._memory, self._options = model, memory, options
        self._gpu_room = sum(max(gpu.free_bytes - GPU_RESERVE_BYTES, 0) for gpu in memory.gpus)
        trained = memory.shape.n_ctx_train or DEFAULT_WINDOW
        self._window = options.context_length or min(trained, DEFAULT_WINDOW)
        self._cells = self._wanted_cells()
        self._fewest_rows = memory.row_choices[-1]

    def _wanted_cells(self) -> int:
        """A full window for every slot, as far as the cache may go."""
        options, window = self._options, self._window
        cell_bytes = max(self._memory.cell_bytes, 1)
        affordable = affordable_cells(options.cache_bytes, cell_bytes, window)
        most = min(_rounded(window * options.n_slots), affordable // CELL_STEP * CELL_STEP)
        return max(_rounded(window), most)

    def plan(self) -> MemoryPlan:
        """The largest plan that fits.

        :raises LLMConfigError: none does.
        """
        choice = self._best()
        if choice is None:
            raise self._too_large()
        return self._made(choice)

    def _best(self) -> Choice | None:
        first, *others = self._layer_choices()
        choice = self._largest(first)
        if choice is not None or not others:
            return choice
        # With all layers on GPUs the host has no workspace. Of the rest: if so many fit, fewer do.
        index = bisect_left(others, True, key=lambda n_layers: bool(self._largest(n_layers)))
        return self._largest(others[index]) if index < len(others) else None

    def _layer_choices(self) -> Sequence[int]:
        """Numbers of layers on GPUs that may be taken, the best first."""
        most = len(self._memory.shape.layers) + 1
        wanted = self._options.n_gpu_layers
        if not self._memory.gpus or wanted == 0:
            return (0,)
        if wanted is not None:
            return (most if wanted < 0 else min(wanted, most),)
        return range(most, -1, -1)

    def _largest(self, n_layers: int) -> Choice | None:
        """The largest choice with that many layers on GPUs; None if none fits."""
        full = Choice(self._window, self._cells, self._fewest_rows, n_layers)
        choice = full if self._fits(full) else self._with_fewer_cells(n_layers)
        if choice is None:
            return None
        return next(
            filter(self._fits, (choice._replace(n_rows=n) for n in self._memory.row_choices))
        )

    def _with_fewer_cells(self, n_layers: int) -> Choice | None:
        """The largest cache, then the largest window, with the smallest batch."""

        def fits(n_cells: int) -> bool:
            return self._fits(Choice(self._window, n_cells, self._fewest_rows, n_layers))

        one_window = _rounded(self._window)
        n_cells = _largest_step(fits, one_window, self._cells)
        if not n_cells and self._options.context_length is None:
            n_cells = _largest_step(fits, min(_rounded(MIN_WINDOW), one_window), one_window)
        window = min(n_cells, self._window)
        return Choice(window, n_cells, self._fewest_rows, n_layers) if n_cells else None

    def _fits(self, choice: Choice) -> bool:
        sizes, budget = self._memory.sizes(choice), self._options.budget_bytes
        within = budget is None or sizes.total <= budget
        return within and sizes.on_gpus <= self._gpu_room

    def _made(self, choice: Choice) -> MemoryPlan:
        sizes = self._memory.sizes(choice)
        return MemoryPlan(
            model=self._model,
            parts=sizes.parts,
            context_length=choice.window,
            n_slots=self._options.n_slots,
            n_cells=choice.n_cells,
            n_batch=choice.n_rows,
            n_gpu_layers=choice.n_gpu_layers,
            device_bytes=self._by_device(sizes),
            budget_bytes=self._options.budget_bytes,
            decisions=tuple(self._decisions(choice)),
            is_estimate=bool(self._memory.shape.unmodelled) or not self._memory.is_exact,
        )

    def _by_device(self, sizes: Sizes) -> dict[str, int]:
        """What each device takes; llama.cpp shares layers out by free memory."""
        found = {"cpu": sizes.total - sizes.on_gpus}
        free = sum(gpu.free_bytes for gpu in self._memory.gpus)
        for gpu in self._memory.gpus:
            found[gpu.name] = sizes.on_gpus * gpu.free_bytes // max(free, 1)
        return found

    def _decisions(self, choice: Choice) -> list[str]:
        shape, options = self._memory.shape, self._options
        said = [
            f"window of {choice.window:,} tokens; the model was trained for {shape.n_ctx_train:,}",
            f"cache of {choice.n_cells:,} tokens in {options.kv_type} for {options.n_slots} slots",
        ]
        for what, wanted, taken in (
            ("window", self._window, choice.window),
            ("cache", self._cells, choice.n_cells),
            ("batch", self._memory.row_choices[0], choice.n_rows),
        ):
            if taken < wanted:
                said.append(f"{what} lowered from {wanted:,} to {taken:,} to fit")
        if self._memory.gpus:
            names = ", ".join(gpu.name for gpu in self._memory.gpus)
            said.append(f"{choice.n_gpu_layers} of {len(shape.layers) + 1} layers on {names}")
        if shape.unmodelled:
            said.append(f"an estimate: {', '.join(shape.unmodelled)} is not modelled")
        if not self._memory.is_exact:
            said.append("the workspace is an estimate")
        return said

    def _too_large(self) -> LLMConfigError:
        """The error that says what is needed and what to change."""
        floor = self._window if self._options.context_length else min(MIN_WINDOW, self._window)
        n_layers = self._layer_choices()[-1]
        sizes = self._memory.sizes(Choice(floor, _rounded(floor), self._fewest_rows, n_layers))
        parts = ", ".join(f"{name} {format_bytes(size)}" for name, size in sizes.parts.items())
        return LLMConfigError(
            f"{self._model!r} needs {format_bytes(sizes.total)} with a window of {floor:,} tokens "
            f"({parts}), {self._bound(sizes)}; {self._advice(sizes, n_layers)}",
            code="memory_budget",
        )

    def _bound(self, sizes: Sizes) -> str:
        if self._breaks_budget(sizes):
            return f"but memory_budget is {format_bytes(self._options.budget_bytes or 0)}"
        on_gpus, room = format_bytes(sizes.on_gpus), format_bytes(self._gpu_room)
        return f"{on_gpus} of it on GPUs, where {room} are to be had"

    def _breaks_budget(self, sizes: Sizes) -> bool:
        budget = self._options.budget_bytes
        return budget is not None and sizes.total > budget

    def _advice(self, sizes: Sizes, n_layers: int) -> str:
        """What the caller can change."""
        ways = ["raise it"] if self._breaks_budget(sizes) else ["leave n_gpu_layers out"]
        if self._options.context_length is not None and (most := self._longest_window(n_layers)):
            ways.append(f"choose a context_length of at most {most:,}")
        ways.append(self._memory.way_to_save)
        return ", or ".join(ways)

    def _longest_window(self, n_layers: int) -> int:
        """The longest window that would fit; 0 if none would."""

        def fits(n_cells: int) -> bool:
            return self._fits(Choice(n_cells, n_cells, self._fewest_rows, n_layers))

        return _largest_step(fits, CELL_STEP, self._window // CELL_STEP * CELL_STEP)


def _rounded(n_tokens: int) -> int:
    """Tokens of cache that llama.cpp makes of so many."""
    return -(-n_tokens // CELL_STEP) * CELL_STEP


def _largest_step(fits: Callable[[int], bool], low: int, high: int) -> int:
    """The largest multiple of `CELL_STEP` from `low` to `high`, both multiples, that fits; else 0.

    :param fits: holds up to some number and for none above.
    """
    if low > high or not fits(low):
        return 0
    while low < high:
        middle = (low + high + CELL_STEP) // (2 * CELL_STEP) * CELL_STEP
        if fits(middle):
            low = middle
        else:
            high = middle - CELL_STEP
    return low
