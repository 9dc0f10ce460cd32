"""What the machine has: cores, memory, and where models lie."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from local_llm_kit import devices, hub_cache, ollama_store, settings
from local_llm_kit.devices import Device
from local_llm_kit.doctor.finding import Finding, counted
from local_llm_kit.memory_plan import format_bytes

#: Below this much free memory, in bytes, few models beside the bundled one fit.
_LITTLE_MEMORY = 1 << 30
#: Free bytes of a disk below which a download is likely to fail.
_LITTLE_DISK = 1 << 30


def check_machine(host: Device | None = None, flags: str | None = None) -> list[Finding]:
    """The processor and the memory.

    :param host: the memory; None asks the system.
    :param flags: what the processor can do, as Linux lists it; None asks the system.
    """
    return [_processor(_processor_flags() if flags is None else flags), _memory(host)]


def _processor(flags: str) -> Finding:
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{counted(n_cores or 1, 'core')} for this process, {platform.machine()}"
    if platform.machine() in ("x86_64", "AMD64") and flags and "avx2" not in flags.split():
        text += "; without AVX2, so models run several times slower"
        return Finding("machine", "processor", "warn", text)
    return Finding("machine", "processor", "ok", text)


def _processor_flags() -> str:
    """The flags of the first core; empty where the system does not list them."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return next((line.partition(":")[2] for line in file if line.startswith("flags")), "")
    except OSError:
        return ""


def _memory(host: Device | None) -> Finding:
    host = host or devices.host()
    if host is None:
        return Finding("machine", "memory", "note", "this system does not tell how much there is")
    text = f"{format_bytes(host.free_bytes)} free of {format_bytes(host.total_bytes)}"
    if host.free_bytes >= _LITTLE_MEMORY:
        return Finding("machine", "memory", "ok", text)
    fix = "see what fits: local-llm-kit models plan NAME"
    return Finding("machine", "memory", "warn", f"{text}: little for a model", fix)


def check_folders(environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """The folders in which models lie: their sizes, and whether they can be used."""
    # os.path says no where the system refuses to look; Path lets that end the program.
    found = [
        _cache(hub_cache.cache_dir(environ)),
        _store(ollama_store.folder(environ)),
    ]
    path = settings.default_model_path(environ)
    return found if path is None else [*found, _default(path)]


def _cache(folder: Path) -> Finding:
    """Where downloads go."""
    name = "downloads"
    fix = f"make it yours to write, or set {hub_cache.CACHE_DIR_VARIABLE} to another folder"
    there = next((one for one in (folder, *folder.parents) if os.path.exists(one)), folder)
    if not os.path.isdir(there) or not os.access(there, os.W_OK | os.X_OK):
        return Finding("models", name, "warn", f"{folder} may not be written", fix)
    free = shutil.disk_usage(there).free
    text = f"{folder}: {_size(folder)}, {format_bytes(free)} of the disk free"
    if free < _LITTLE_DISK:
        fix = "make room (local-llm-kit models rm NAME), or set " + hub_cache.CACHE_DIR_VARIABLE
        return Finding("models", name, "warn", text, fix)
    return Finding("models", name, "ok", text)


def _store(folder: Path) -> Finding:
    """Where Ollama keeps its models, which are read there."""
    name = "Ollama's store"
    if not os.path.isdir(folder):
        return Finding("models", name, "note", f"none at {folder}")
    if not os.access(folder, os.R_OK | os.X_OK):
        fix = f"let your user read it, or set {ollama_store.MODELS_VARIABLE}"
        return Finding("models", name, "warn", f"{folder} may not be read", fix)
    models = counted(len(ollama_store.present(folder)), "model")
    return Finding("models", name, "ok", f"{folder}: {models}, {_size(folder)}")


def _default(path: str) -> Finding:
    place = Path(os.path.expanduser(path))
    name = settings.MODEL_PATH_VARIABLE
    if not os.path.exists(place):
        fix = f"set {name} to a GGUF file or to a folder of models, or unset it"
        return Finding("models", name, "fail", f"{path} does not exist", fix)
    return Finding("models", name, "ok", f"{place}: {_size(place)}")


def _size(path: Path) -> str:
    """What lies in a folder takes; links are not counted, nor what may not be read."""
    if os.path.isfile(path):
        return format_bytes(path.stat().st_size)
    total = 0
    for place, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # it has just been removed
                continue
    return format_bytes(total)
