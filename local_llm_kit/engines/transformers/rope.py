"""Rotary positions, with the frequencies that transformers computes for each kind of scaling."""

from __future__ import annotations

from typing import Any

import torch


class Rope:
    """Turns queries and keys by an angle that grows with their position.

    :param frequencies: (width / 2,) radians a token.
    :param scale: factor of the result; other than 1 for some kinds of scaling.
    """

    def __init__(self, frequencies: Any, scale: float = 1.0) -> None:
        self._frequencies = frequencies.float()
        self._scale = scale

    def turns(self, positions: Any, dtype: Any) -> tuple[Any, Any]:
        """Cosines, and sines with the sign of the half that they are added to.

        :param positions: (n_rows,).
        :return: two (n_rows, 1, width) of `dtype`, computed in float32.
        """
        angles = positions[:, None].float() * self._frequencies
        cos, sin = angles.cos() * self._scale, angles.sin() * self._scale
        cosines, sines = torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)
        return cosines.to(dtype)[:, None], sines.to(dtype)[:, None]

    def turn(self, x: Any, turns: tuple[Any, Any]) -> Any:
        """`x` turned.

        :param x: (n_rows, n_heads, width); its halves are the two coordinates.
        """
        cos, sin = turns
        first, second = x.chunk(2, dim=-1)
        return torch.cat((second, first), dim=-1).mul_(sin).add_(x * cos)
