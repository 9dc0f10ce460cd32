"""Matrix products of the fused decoder: plain or in eight bits, with low-rank additions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it

_MANY_ROWS = 32
#: Numbers of a matrix of eight bits that are widened at a time: 4 MiB.
_PIECE = 1 << 20


class LowRank(NamedTuple):
    """A LoRA adapter's part of one product.

    :ivar down: (rank, n_in).
    :ivar up: (n_out, rank), the adapter's scale already in it.
    """

    down: Any
    up: Any

    def __call__(self, x: Any) -> Any:
        """(n_rows, n_out): what is added to the product."""
        return F.linear(F.linear(x, self.down), self.up)


class Linear:
    """``x @ weight.T + bias``, and an adapter's addition.

    :param weight: (n_out, n_in).
    :param bias: (n_out,), or None.
    """

    def __init__(self, weight: Any, bias: Any = None) -> None:
        self._weight = weight
        self._transposed = weight.t()
        self._bias = bias
        self.adapters: Mapping[str, LowRank] = {}

    def __call__(self, x: Any, adapter: str | None = None) -> Any:
        """(n_rows, n_out).

        :param x: (n_rows, n_in).
        :param adapter: name of an adapter; one that has no part here adds nothing.
        """
        y = self._product(x)
        addition = self.adapters.get(adapter) if adapter is not None else None
        return y if addition is None else y.add_(addition(x))

    def add_to(self, total: Any, x: Any, adapter: str | None = None) -> None:
        """Add the product to `total`, (n_rows, n_out), in place."""
        if type(self) is Linear and adapter is None and self._bias is None:
            total.addmm_(x, self._transposed)
        else:
            total.add_(self(x, adapter))

    @property
    def n_in(self) -> int:
        """Width of the input."""
        return int(self._weight.shape[1])

    def _product(self, x: Any) -> Any:
        return F.linear(x, self._weight, self._bias)

    @property
    def size_bytes(self) -> int:
        """Bytes of the weights."""
        return sum(_size_bytes(tensor) for tensor in (self._weight, self._bias))


class Int8Linear(Linear):
    """A product with weights of eight bits and one scale for each output; on a CPU, in bfloat16.

    One row takes 0.4 of float32's time and eight rows 0.7 (4,864 by 896, AVX2). From 32 rows on the
    weights are widened to float32 piece by piece, which takes 0.6 of the time that the kernel for
    eight bits takes. With inputs of another type torch falls back to a loop that is a hundred times
    slower.

    :param weight: (n_out, n_in), of any floating type.
    """

    def __init__(self, weight: Any, bias: Any = None) -> None:
        wide = weight.float()
        scales = wide.abs().amax(dim=1).clamp_min_(1e-12) / 127
        rounded = (wide / scales[:, None]).round_().to(torch.int8)
        super().__init__(rounded, None if bias is None else bias.to(torch.bfloat16))
        self._scales = scales.to(torch.bfloat16)

    def _product(self, x: Any) -> Any:
        if len(x) < _MANY_ROWS:
            y = torch._weight_int8pack_mm(x, self._weight, self._scales)
        else:
            y = self._wide_product(x.float()).to(torch.bfloat16)
        return y if self._bias is None else y + self._bias

    def _wide_product(self, x: Any) -> Any:
        n = max(1, _PIECE // self.n_in)
        pieces = zip(self._weight.split(n), self._scales.split(n), strict=True)
        return torch.cat([F.linear(x, w.float()).mul_(scales) for w, scales in pieces], dim=1)

    @property
    def size_bytes(self) -> int:
        """Bytes of the weights."""
        return super().size_bytes + _size_bytes(self._scales)


def _size_bytes(tensor: Any) -> int:
    return 0 if tensor is None else int(tensor.numel() * tensor.element_size())
