"""Rotary positions, with the frequencies that transformers computes for each kind of scaling.

A head's coordinates are turned in pairs. Checkpoints hold the first ones of all pairs before the
second ones; here each pair stands together, as one complex number, and a turn is one product.
Scores stay the same when queries and keys are rearranged alike, so the weights that make them are.
"""

from __future__ import annotations

from typing import Any

import torch


def pair_up(weight: Any, width: int) -> Any:
    """Rows of a product, or of a norm's weights, with the coordinates of each pair together.

    :param weight: (n_heads * width, ...), as a checkpoint has it.
    :param width: numbers of a head.
    """
    halves = weight.unflatten(0, (len(weight) // width, 2, width // 2))
    return halves.transpose(1, 2).flatten(0, 2)


class Rope:
    """Turns queries and keys by an angle that grows with their position.

    :param frequencies: (width / 2,) radians a token.
    :param scale: factor of the result; other than 1 for some kinds of scaling.
    """

    def __init__(self, frequencies: Any, scale: float = 1.0) -> None:
        self._frequencies = frequencies.float()
        self._scale = torch.tensor(scale, device=frequencies.device)

    def turns(self, positions: Any) -> Any:
        """(n_rows, 1, width / 2) complex factors.

        :param positions: (n_rows,).
        """
        angles = positions[:, None].float() * self._frequencies
        return torch.polar(self._scale.expand_as(angles), angles)[:, None]

    @staticmethod
    def turn(x: Any, turns: Any) -> None:
        """Turn `x` in place.

        :param x: (n_rows, n_heads, width) with pairs together.
        """
        if x.dtype is torch.float32:
            n_rows, n_heads, width = x.shape
            torch.view_as_complex(x.view(n_rows, n_heads, width // 2, 2)).mul_(turns)
        else:
            wide = x.float()
            Rope.turn(wide, turns)
            x.copy_(wide)
