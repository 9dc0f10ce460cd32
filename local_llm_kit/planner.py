"""Planning: the window, the cache and the layers on a GPU that fit into a budget of bytes.

What does not fit is made smaller in this order: the cache, down to one window for all slots; the
window, unless the caller named one, down to `MIN_WINDOW`; the layers on GPUs. Weights, vocabulary
and workspace are what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from LLM.exceptions import LLMConfigError
from local_llm_kit.devices import Device
from local_llm_kit.memory_plan import MemoryPlan, format_bytes
from local_llm_kit.model_shape import ModelShape
from local_llm_kit.workspace import (
    Batch,
    input_bytes,
    llama_workspace,
    output_buffer,
    vocabulary_bytes,
)

#: Longest window taken without being asked for, in tokens.
DEFAULT_WINDOW = 8192
#: Shortest window chosen without being asked for, in tokens; that of many a small model.
MIN_WINDOW = 2048
#: Cache that slots may take together without being asked for, in bytes.
DEFAULT_CACHE_BYTES = 1 << 30
#: llama.cpp rounds the cache up to this many tokens.
CELL_STEP = 256
#: Left free on a GPU, in bytes, for its driver and for what others take meanwhile.
GPU_RESERVE_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How a model is to be run, as far as its memory depends on it.

    :param context_length: window in tokens; None takes the model's own, at most 8,192, and lets
        the plan lower it.
    :param n_slots: sequences that run at once.
    :param kv_type: name of the cache's type, for the words of the plan.
    :param kv_bytes: bytes of one number of it.
    :param batch: the largest batch.
    :param n_gpu_layers: layers on GPUs, the head counted as one; None takes what fits, -1 all.
    :param cache_bytes: most that the cache may take; None means 1 GiB, or one window if that is
        more.
    :param extras: bytes of what is loaded beside the model, by name.
    """

    context_length: int | None = None
    n_slots: int = 8
    kv_type: str = "f16"
    kv_bytes: float = 2.0
    batch: Batch = field(default_factory=Batch)
    n_gpu_layers: int | None = None
    cache_bytes: int | None = None
    extras: Mapping[str, int] = field(default_factory=dict)


def plan(
    model: str,
    shape: ModelShape,
    options: PlanOptions,
    *,
    budget_bytes: int | None = None,
    gpus: Sequence[Device] = (),
) -> MemoryPlan:
    """Plan a model's memory.

    :param model: its name, for messages.
    :param budget_bytes: most that it may take, on all devices together; None sets no bound. What a
        GPU has free bounds it in any case.
    :raises LLMConfigError: it cannot be made to fit, or a budget is given for a model of which
        something is not modelled.
    """
    if budget_bytes is not None and shape.unmodelled:
        raise LLMConfigError(
            f"the memory of {model!r} cannot be planned: it has {', '.join(shape.unmodelled)}, "
            "which is not modelled; leave memory_budget out",
            code="memory_not_modelled",
        )
    return _Planner(model, shape, options, budget_bytes, tuple(gpus)).plan()


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Bytes of one choice of cells and layers."""

    parts: dict[str, int]
    on_gpu: int

    @property
    def total(self) -> int:
        return sum(self.parts.values())


class _Planner:
    """Searches the largest choice that fits; everything is monotonic in cells and layers."""

    def __init__(
        self,
        model: str,
        shape: ModelShape,
        options: PlanOptions,
        budget: int | None,
        gpus: tuple[Device, ...],
    ) -> None:
        self._model, self._shape, self._options = model, shape, options
        self._budget, self._gpus = budget, gpus
        self._on_gpu = sum(max(gpu.free_bytes - GPU_RESERVE_BYTES, 0) for gpu in gpus)
        layers = tuple(reversed(shape.layers))  # llama.cpp offloads the last ones first
        self._weights_of_last = list(accumulate((one.weight_bytes for one in layers), initial=0))
        self._widths_of_last = list(
            accumulate((one.key_width + one.value_width for one in layers), initial=0)
        )
        self._window = options.context_length or min(
            shape.n_ctx_train or DEFAULT_WINDOW, DEFAULT_WINDOW
        )
        self._cells = self._wanted_cells()

    def _wanted_cells(self) -> int:
        """A full window for every slot, as far as the cache may go."""
        options, window = self._options, self._window
        affordable = (options.cache_bytes or DEFAULT_CACHE_BYTES) // max(
            self._shape.cell_bytes(options.kv_bytes), 1
        )
        if options.cache_bytes is not None and affordable < window:
            raise LLMConfigError(
                f"cache_bytes is {options.cache_bytes:,}, but one window of {window} tokens takes "
                f"{window * self._shape.cell_bytes(options.kv_bytes):,}; raise it or lower "
                "context_length"
            )
        most = min(_rounded(window * options.n_slots), affordable // CELL_STEP * CELL_STEP)
        return max(_rounded(window), most)

    def plan(self) -> MemoryPlan:
        for n_layers in self._layer_choices():
            found = self._largest(n_layers)
            if found is not None:
                return self._made(*found, n_layers)
        raise self._too_large()

    def _layer_choices(self) -> Sequence[int]:
        """Numbers of layers on GPUs that may be taken, the best first."""
        most = len(self._shape.layers) + 1
        wanted = self._options.n_gpu_layers
        if not self._gpus or wanted == 0:
            return (0,)
        if wanted is not None:
            return (most if wanted < 0 else min(wanted, most),)
        return range(most, -1, -1)

    def _largest(self, n_layers: int) -> tuple[int, int] | None:
        """Window and cells of the largest choice that fits; None if none does."""

        def fits(n_cells: int) -> bool:
            return self._fits(n_cells, n_layers)

        one_window = _rounded(self._window)
        n_cells = _largest_step(fits, one_window, self._cells)
        if n_cells:
            return self._window, n_cells
        if self._options.context_length is not None:
            return None
        n_cells = _largest_step(fits, min(_rounded(MIN_WINDOW), one_window), one_window)
        return (min(n_cells, self._window), n_cells) if n_cells else None

    def _fits(self, n_cells: int, n_layers: int) -> bool:
        sizes = self._sizes(n_cells, n_layers)
        within = self._budget is None or sizes.total <= self._budget
        return within and (not n_layers or sizes.on_gpu <= self._on_gpu)

    def _sizes(self, n_cells: int, n_layers: int) -> _Sizes:
        """Bytes with that many cells, and that many layers on GPUs."""
        shape, options = self._shape, self._options
        workspace = llama_workspace(shape, options.batch, n_cells)
        weights = shape.weight_bytes
        on_gpu = 0
        parts = {
            "cache": n_cells * shape.cell_bytes(options.kv_bytes),
            "logits": output_buffer(shape, options.n_slots + 1),
            "vocabulary": vocabulary_bytes(shape),
            **options.extras,
        }
        if n_layers:
            head = shape.head_bytes or shape.embedding_bytes
            if not shape.head_bytes:
                weights += head  # of tied ones the GPU has a copy
            last = n_layers - 1
            cache = round(n_cells * self._widths_of_last[last] * options.kv_bytes)
            on_gpu = head + shape.other_bytes + self._weights_of_last[last] + cache
            on_gpu += workspace * len(self._gpus) + sum(options.extras.values())
            is_whole = n_layers > len(shape.layers)
            on_host = input_bytes(shape, options.batch, n_cells) if is_whole else workspace
            workspace = on_host + workspace * len(self._gpus)
        return _Sizes({"weights": weights, "workspace": workspace} | parts, on_gpu)

    def _made(self, window: int, n_cells: int, n_layers: int) -> MemoryPlan:
        sizes = self._sizes(n_cells, n_layers)
        order = ("weights", "cache", "workspace", "logits", "vocabulary", *self._options.extras)
        return MemoryPlan(
            model=self._model,
            parts={part: sizes.parts[part] for part in order},
            context_length=window,
            n_slots=self._options.n_slots,
            n_cells=n_cells,
            n_gpu_layers=n_layers,
            device_bytes=self._by_device(sizes),
            budget_bytes=self._budget,
            decisions=tuple(self._decisions(window, n_cells, n_layers)),
            is_estimate=bool(self._shape.unmodelled),
        )

    def _by_device(self, sizes: _Sizes) -> dict[str, int]:
        """What each device takes; llama.cpp shares layers out by free memory."""
        found = {"cpu": sizes.total - sizes.on_gpu}
        free = sum(gpu.free_bytes for gpu in self._gpus)
        for gpu in self._gpus:
            found[gpu.name] = sizes.on_gpu * gpu.free_bytes // max(free, 1)
        return found

    def _decisions(self, window: int, n_cells: int, n_layers: int) -> list[str]:
        shape, options = self._shape, self._options
        said = [f"window of {window:,} tokens; the model was trained for {shape.n_ctx_train:,}"]
        said.append(
            f"cache of {n_cells:,} tokens in {options.kv_type}: {n_cells / window:.1f} windows for "
            f"{options.n_slots} slots"
        )
        if window < self._window:
            said.append(f"the window was lowered from {self._window:,} to keep to the budget")
        if n_cells < self._cells:
            said.append(f"the cache was lowered from {self._cells:,} tokens")
        if self._gpus:
            most = len(shape.layers) + 1
            names = ", ".join(gpu.name for gpu in self._gpus)
            said.append(f"{n_layers} of {most} layers on {names}")
        if shape.unmodelled:
            said.append(f"an estimate: {', '.join(shape.unmodelled)} is not modelled")
        return said

    def _too_large(self) -> LLMConfigError:
        """The error that says what is needed and what to change."""
        options = self._options
        n_layers = self._layer_choices()[-1]
        floor = self._window if options.context_length else min(MIN_WINDOW, self._window)
        sizes = self._sizes(_rounded(floor), n_layers)
        parts = ", ".join(f"{name} {format_bytes(size)}" for name, size in sizes.parts.items())
        bound, advice = self._bound(sizes, n_layers)
        shorter = "" if options.context_length is None else self._shorter_window(n_layers)
        return LLMConfigError(
            f"{self._model!r} needs {format_bytes(sizes.total)} with a window of {floor:,} tokens "
            f"({parts}), {bound}; {shorter}{advice}",
            code="memory_budget",
        )

    def _bound(self, sizes: _Sizes, n_layers: int) -> tuple[str, str]:
        if self._budget is not None and sizes.total > self._budget:
            bound = f"but memory_budget is {format_bytes(self._budget)}"
            return bound, "raise it, or take a smaller quantisation of the model"
        free = format_bytes(self._on_gpu)
        bound = f"{format_bytes(sizes.on_gpu)} of it on GPUs, which have {free} to give"
        return bound, f"choose fewer n_gpu_layers than {n_layers}, or leave them out"

    def _shorter_window(self, n_layers: int) -> str:
        """The longest window that would fit, as advice; empty if none would."""
        most = self._window // CELL_STEP * CELL_STEP
        n_cells = _largest_step(lambda cells: self._fits(cells, n_layers), CELL_STEP, most)
        return f"choose a context_length of at most {n_cells:,}, " if n_cells else ""


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
