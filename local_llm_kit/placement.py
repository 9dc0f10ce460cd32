"""Where a model goes: its plan, made from its files and from what the caller asked for."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from LLM.exceptions import LLMConfigError
from local_llm_kit import devices, gguf
from local_llm_kit.checkpoint import Checkpoint
from local_llm_kit.devices import Device
from local_llm_kit.engines.defaults import DEFAULT_CACHE_BYTES
from local_llm_kit.interrupts import off_the_main_thread
from local_llm_kit.load_progress import LoadProgress, LoadWatch
from local_llm_kit.memory_plan import RESIDENT, MemoryPlan
from local_llm_kit.model_memory import Companion, ModelMemory
from local_llm_kit.model_shape import shape_of_checkpoint, shape_of_gguf
from local_llm_kit.planner import PlanOptions, plan
from local_llm_kit.torch_memory import TorchMemory

if TYPE_CHECKING:
    from local_llm_kit.engines.llama_cpp import LlamaCppEngine, LlamaCppOptions
    from local_llm_kit.engines.llama_cpp.buffers import Buffers
    from local_llm_kit.engines.transformers import TransformersEngine, TransformersOptions

#: What `memory_budget` takes: bytes, or a text such as ``"6GiB"`` or ``"50%"``.
Budget = int | str


def plan_llama_cpp(
    name: str, header: gguf.Header, options: LlamaCppOptions, budget: Budget | None = None
) -> MemoryPlan:
    """Plan a GGUF model.

    :param header: of the model, checked.
    :param budget: most that it may take; None sets no bound but that of the GPUs.
    :raises LLMConfigError: it does not fit, or layers are to go on a GPU that is not there.
    """
    gpus = devices.gpus("llama.cpp")
    if options.n_gpu_layers and not gpus:
        raise LLMConfigError(
            f"n_gpu_layers is {options.n_gpu_layers}, but llama.cpp finds no GPU here, or was "
            "built without support for it; leave it out"
        )
    wanted = PlanOptions(
        context_length=options.context_length,
        n_slots=options.n_slots,
        kv_type=options.kv_type,
        n_gpu_layers=options.n_gpu_layers,
        cache_bytes=options.cache_bytes,
        budget_bytes=budget_bytes(budget, gpus),
    )
    return plan(name, _llama_memory(header, options, gpus), wanted)


def _llama_memory(
    header: gguf.Header, options: LlamaCppOptions, gpus: tuple[Device, ...]
) -> ModelMemory:
    # Here and not above: only who loads such a model needs its back end.
    from local_llm_kit.engines.llama_cpp.context import KV_TYPES

    return ModelMemory(
        shape_of_gguf(header),
        kv_bytes=KV_TYPES[options.kv_type][1],
        n_sequences=options.n_slots + 1,
        flash_attention=options.prefers_flash_attention
        or (bool(gpus) and options.flash_attention is None),
        gpus=gpus,
        companions=_companions(options),
    )


def _companions(options: LlamaCppOptions) -> tuple[Companion, ...]:
    """What is loaded beside the model."""
    found: list[Companion] = []
    if options.adapters:
        size = sum(map(os.path.getsize, options.adapters.values()))
        found.append(Companion("adapters", size_bytes=size))
    if options.draft_path is not None:
        found.append(Companion("draft", shape_of_gguf(gguf.check(options.draft_path))))
    return tuple(found)


def load_llama_cpp(
    path: str,
    name: str,
    planned: MemoryPlan,
    options: LlamaCppOptions,
    watch: LoadWatch | None = None,
) -> tuple[LlamaCppEngine, MemoryPlan]:
    """Load a GGUF model as planned; the plan comes back with what was measured.

    A Ctrl-C while it loads ends the loading.

    :param path: a checked file.
    :param watch: told how far it has come.
    """
    from local_llm_kit.engines.llama_cpp import LlamaCppEngine
    from local_llm_kit.engines.llama_cpp.buffers import recording

    size_bytes, stopped = os.path.getsize(path), threading.Event()

    def on_load(fraction: float) -> bool:
        if watch is not None:
            watch(LoadProgress(name, size_bytes, fraction))
        return not stopped.is_set()

    options = replace(
        options,
        on_load=on_load,
        context_length=planned.context_length,
        n_cells=planned.n_cells,
        n_batch=planned.n_batch,
        n_gpu_layers=planned.n_gpu_layers if len(planned.device_bytes) > 1 else None,
        mmap=options.mmap and planned.budget_bytes is None,
    )

    def build() -> tuple[LlamaCppEngine, Buffers]:
        with recording() as buffers:
            return LlamaCppEngine(path, name, options), buffers

    before = devices.resident_bytes()
    engine, buffers = off_the_main_thread(
        build, discard=lambda built: built[0].close(), stop=stopped.set
    )
    return engine, planned.with_measured(buffers.parts() | _growth(before))


def _growth(before: int | None) -> dict[str, int]:
    """What the process has grown by; nothing where the system does not tell."""
    after = devices.resident_bytes()
    return {} if before is None or after is None else {RESIDENT: after - before}


def plan_transformers(
    name: str, checkpoint: Checkpoint, options: TransformersOptions, budget: Budget | None = None
) -> MemoryPlan:
    """Plan a model of safetensors.

    :raises LLMConfigError: it does not fit, or an option cannot work on this machine.
    """
    from local_llm_kit.engines.transformers import planning

    device = planning.choose_device(options.device)
    on_gpu = device.type != "cpu"
    gpus = devices.gpus("transformers")[device.index or 0 :][:1] if on_gpu else ()
    bytes_per_number = planning.choose_dtype(options, checkpoint, device).itemsize
    bytes_per_weight = 1 if options.quantization == "int8" else bytes_per_number
    shape = shape_of_checkpoint(checkpoint, bytes_per_weight)
    memory = TorchMemory(
        shape,
        bytes_per_number,
        n_sequences=options.n_slots,
        gpus=gpus,
        adapters_bytes=sum(map(_folder_bytes, options.adapters.values())),
    )
    wanted = PlanOptions(
        context_length=options.context_length,
        n_slots=options.n_slots,
        kv_type=f"{8 * bytes_per_number} bits",
        n_gpu_layers=-1 if on_gpu else None,
        cache_bytes=options.cache_bytes or _gpu_cache_bytes(gpus, shape.weight_bytes),
        budget_bytes=budget_bytes(budget, gpus),
    )
    return plan(name, memory, wanted)


def _gpu_cache_bytes(gpus: tuple[Device, ...], weight_bytes: int) -> int | None:
    """Half of what the weights leave of a GPU, as the engine itself would take."""
    if not gpus:
        return None
    return max(DEFAULT_CACHE_BYTES, (gpus[0].free_bytes - weight_bytes) // 2)


def _folder_bytes(folder: str | os.PathLike[str]) -> int:
    return sum(
        file.stat().st_size for file in Path(os.path.expanduser(folder)).glob("*.safetensors")
    )


def load_transformers(
    path: str,
    name: str,
    planned: MemoryPlan,
    options: TransformersOptions,
    watch: LoadWatch | None = None,
) -> tuple[TransformersEngine, MemoryPlan]:
    """Load a model of safetensors as planned; the plan comes back with what was measured.

    :param path: a checked folder.
    :param watch: told that it begins, and that it has ended.
    """
    from local_llm_kit.engines.transformers import TransformersEngine

    if watch is not None:
        watch(LoadProgress(name, _folder_bytes(path), 0.0))

    if planned.budget_bytes is not None:
        options = replace(
            options,
            context_length=planned.context_length,
            cache_bytes=planned.parts["cache"],
        )
    before = devices.resident_bytes()
    engine = TransformersEngine(path, name, options)
    if watch is not None:
        watch(LoadProgress(name, _folder_bytes(path), 1.0))
    return engine, planned.with_measured(_growth(before))


def budget_bytes(budget: Budget | None, gpus: tuple[Device, ...]) -> int | None:
    """A budget in bytes; a percentage is one of the GPUs, or else of the host's memory.

    :raises LLMConfigError: it is no amount.
    """
    if budget is None:
        return None
    if not gpus:
        return devices.parse_budget(budget, devices.host())
    total = sum(gpu.total_bytes for gpu in gpus)
    return devices.parse_budget(budget, Device("GPUs", total, total))
