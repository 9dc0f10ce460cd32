"""The GPUs that torch can use, and what memory they have."""

from __future__ import annotations

import torch

from local_llm_kit.devices import Device


def cuda_devices() -> tuple[Device, ...]:
    """The CUDA devices, in torch's order; none without one."""
    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return tuple(_device(index) for index in range(n_devices))


def _device(index: int) -> Device:
    free, total = torch.cuda.mem_get_info(index)
    return Device(f"cuda:{index}", int(total), int(free))
