"""What memory there is: the host's, as far as this process may use it, and the GPUs'."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from LLM.exceptions import LLMConfigError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30, "TI": 1 << 40,
}  # fmt: skip
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]I?)?B?", re.ASCII | re.IGNORECASE)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s*%", re.ASCII)
#: A control group without a limit says "max" (version 2) or a number near this (version 1).
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Device:
    """A place for models.

    :param name: ``cpu``, or a GPU's as its library calls it, such as ``CUDA0``.
    :param total_bytes: all its memory, of the host what this process may use.
    :param free_bytes: what of it is free now.
    """

    name: str
    total_bytes: int
    free_bytes: int


def gpus(backend: str) -> tuple[Device, ...]:
    """The GPUs that a back end can use, as it numbers them.

    :param backend: ``llama.cpp`` or ``transformers``.
    :raises LLMConfigError: the back end's package is missing.
    """
    if backend == "transformers":
        from local_llm_kit.engines.transformers.devices import cuda_devices

        return cuda_devices()
    from local_llm_kit.engines.llama_cpp.devices import gpu_devices

    return gpu_devices()


def host(root: Path = Path("/")) -> Device | None:
    """The host's memory, or less where a container bounds it; None where it cannot be told.

    :param root: folder that stands for ``/``; tests have one of their own.
    """
    found = _proc_memory(root) or _system_memory()
    if found is None:
        return None
    total, free = found
    for limit, used in _group_limits(root):
        total, free = min(total, limit), min(free, max(limit - used, 0))
    return Device("cpu", total, free)


def resident_bytes() -> int | None:
    """What of this process is in memory; None where the system does not tell."""
    fields = _read(Path("/proc/self/statm")).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else None


def return_freed_memory() -> None:
    """Let the C library give back to the system what it keeps of freed memory.

    glibc keeps freed buffers in a heap for each thread that there was: loading and closing `tiny`
    20 times left 20 MB more than once, and with this 1. Of torch's weights, which come in pieces of
    up to 32 MiB, it keeps all: 67 MB of a model, and with this 0.1. Takes a millisecond. Elsewhere
    nothing.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none, and keeps less
        if trim is not None:
            trim(0)


def _proc_memory(root: Path) -> tuple[int, int] | None:
    """Total and available bytes as Linux tells them."""
    text = _read(root / "proc/meminfo")
    values = {key: int(number) << 10 for key, number in re.findall(r"(\w+):\s+(\d+) kB", text)}
    if "MemTotal" not in values:
        return None
    return values["MemTotal"], values.get("MemAvailable", values.get("MemFree", 0))


def _system_memory() -> tuple[int, int] | None:
    """Total bytes elsewhere; what is free of them is not told, so all are."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
    return total, total


def _group_limits(root: Path) -> list[tuple[int, int]]:
    """Limit and use, in bytes, of each control group that this process is in."""
    groups: list[tuple[Path, str, str]] = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            groups += _upwards(root / "sys/fs/cgroup", path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            groups += _upwards(base, path, "memory.limit_in_bytes", "memory.usage_in_bytes")
    limits = [(_limit(folder / name), _limit(folder / use)) for folder, name, use in groups]
    return [(limit, used or 0) for limit, used in limits if limit is not None]


def _upwards(base: Path, path: str, limit: str, use: str) -> list[tuple[Path, str, str]]:
    """A group and those around it: each one's limit holds."""
    folder = base / path.strip("/")
    folders = [folder, *(parent for parent in folder.parents if parent.is_relative_to(base))]
    return [(one, limit, use) for one in folders]


def _limit(path: Path) -> int | None:
    text = _read(path).strip()
    value = int(text) if text.isascii() and text.isdigit() else None
    return value if value is not None and value < _NO_LIMIT else None


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""


def parse_budget(value: int | str, whole: Device | None) -> int:
    """A budget in bytes.

    :param value: bytes, or a text such as ``"6GiB"``, ``"500 MB"`` or ``"50%"``.
    :param whole: what a percentage is of; None where that is not known.
    :raises LLMConfigError: it is no amount, or a percentage of nothing known.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    text = value.strip() if isinstance(value, str) else ""
    if (amount := _AMOUNT.fullmatch(text)) and (size := _amount(amount)):
        return size
    if (percent := _PERCENT.fullmatch(text)) and 0 < float(percent[1]) <= 100:
        if whole is None:
            raise LLMConfigError(
                f"memory_budget is {value!r}, but this machine's memory cannot be told; give bytes"
            )
        return int(whole.total_bytes * float(percent[1]) / 100)
    raise LLMConfigError(
        f"memory_budget is {value!r}; give bytes, or a text such as '6GiB', '500MB' or '50%'"
    )


def _amount(match: re.Match[str]) -> int:
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()])
