"""The Muon optimizer for weight matrices: momentum made orthogonal at each step.

torch has one too, but that one multiplies in bfloat16, which ordinary CPUs only emulate; here all
is float32, and matrices of one shape share a batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

# Coefficients of the quintic Newton-Schulz iteration that pushes all singular values near 1.
QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(batch: Tensor, steps: int = 5) -> Tensor:
    """Replace each matrix's singular values by about 1.

    :param batch: (n, rows, columns) float32.
    :return: the same shape.
    """
    a, b, c = QUINTIC
    tall = batch.size(1) > batch.size(2)
    x = batch.transpose(1, 2) if tall else batch
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.transpose(1, 2) if tall else x


class Muon:
    """Updates matrices in place from their ``.grad``.

    :param matrices: two-dimensional parameters.
    :param momentum: share of the running mean kept at each step.
    :param weight_decay: decoupled decay, times the learning rate.
    """

    def __init__(
        self, matrices: Iterable[Tensor], momentum: float = 0.95, weight_decay: float = 0.05
    ) -> None:
        self.momentum, self.weight_decay = momentum, weight_decay
        groups: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for p in matrices:
            groups[p.shape].append(p)
        self.groups = list(groups.values())
        self.means = [torch.zeros(len(g), *g[0].shape) for g in self.groups]

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Take one step; ``lr`` is of the size that Adam would want."""
        for group, mean in zip(self.groups, self.means, strict=True):
            grad = torch.stack([p.grad for p in group if p.grad is not None])
            mean.lerp_(grad, 1 - self.momentum)
            update = orthogonalise(grad.lerp(mean, self.momentum))
            # This factor gives an update the root mean square that Adam's has.
            scale = 0.2 * max(group[0].shape) ** 0.5
            for p, u in zip(group, update, strict=True):
                p.mul_(1 - lr * self.weight_decay).add_(u, alpha=-lr * scale)
