"""What a network asks for in each of its layers: attention, over a cache or over the text alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it


@dataclass(frozen=True, slots=True)
class Attending:
    """How a layer attends.

    :param scale: factor of the scores.
    :param window: how many tokens back a token looks, itself counted; None looks at all.
    :param softcap: bound that scores approach; None leaves them.
    :param sinks: (n_heads,) scores that take weight and give nothing; None for none.
    """

    scale: float
    window: int | None = None
    softcap: float | None = None
    sinks: Any = None

    @property
    def is_plain(self) -> bool:
        """Whether torch's own kernel computes it."""
        return self.softcap is None and self.sinks is None


class Attention(Protocol):
    """Attention of one batch of rows."""

    def __call__(self, layer: int, q: Any, kv: Any, how: Attending) -> Any:
        """Attend, and keep what later rows will look at.

        :param q: (n_rows, n_heads, width) queries.
        :param kv: (n_rows, 2 * n_kv_heads, width) keys with positions applied, then values.
        :return: (n_rows, n_heads, width).
        """


class FreshAttention:
    """One whole text, nothing kept: for embeddings."""

    def __call__(self, layer: int, q: Any, kv: Any, how: Attending) -> Any:
        """See `Attention`."""
        n = len(q)
        cut = how.window is not None and how.window < n
        mask = None
        if cut or not how.is_plain:
            places = torch.arange(n, device=q.device)
            mask = causal_mask(places[None], n, how.window, q.dtype)
        q, k, v = (x.transpose(0, 1)[None] for x in (q, *kv.chunk(2, dim=1)))
        return attend(q, k, v, mask, how, is_causal=mask is None)[0].transpose(0, 1)


def causal_mask(positions: Any, n_cells: int, window: int | None, dtype: Any) -> Any:
    """What each row may look at: 0 for a cell, minus infinity for one that it may not see.

    :param positions: (n_sequences, n_rows).
    :return: (n_sequences, 1, n_rows, n_cells) of `dtype`.
    """
    cells = torch.arange(n_cells, device=positions.device)
    ends = positions[..., None]
    hidden = cells > ends
    if window is not None:
        hidden |= cells <= ends - window
    mask = torch.zeros(hidden.shape, dtype=dtype, device=positions.device)
    return mask.masked_fill_(hidden, float("-inf"))[:, None]


def attend(q: Any, k: Any, v: Any, mask: Any, how: Attending, *, is_causal: bool = False) -> Any:
    """Scaled dot-product attention, query heads sharing keys and values in groups.

    :param q: (n, n_heads, n_rows, width).
    :param k: (n, n_kv_heads, n_cells, width).
    :param v: (n, n_kv_heads, n_cells, v_width).
    :param mask: see `causal_mask`; None sees everything.
    :param is_causal: row i sees cells up to i; only without `mask`, and for plain attention.
    :return: (n, n_heads, n_rows, v_width).
    """
    if not how.is_plain:
        return _attend_by_hand(q, k, v, mask, how)
    shared = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, scale=how.scale, is_causal=is_causal, enable_gqa=shared
    )


def attend_once(q: Any, k: Any, v: Any, mask: Any, how: Attending) -> Any:
    """Plain attention of one row of each sequence.

    The heads of a group become rows of one head, so that no key is repeated.

    :param q: (n, n_heads, width).
    :param k: (n, n_kv_heads, n_cells, width), and `v` likewise.
    :param mask: (n, 1, 1, n_cells), or None.
    :return: (n, n_heads, width).
    """
    n, n_heads, width = q.shape
    n_kv = k.shape[1]
    groups = q.view(n, n_kv, n_heads // n_kv, width)
    out = F.scaled_dot_product_attention(groups, k, v, attn_mask=mask, scale=how.scale)
    return out.reshape(n, n_heads, width)


def _attend_by_hand(q: Any, k: Any, v: Any, mask: Any, how: Attending) -> Any:
    n, n_heads, n_rows, width = q.shape
    groups = q.reshape(n, k.shape[1], -1, n_rows, width)
    scores = groups @ k[:, :, None].transpose(-1, -2) * how.scale
    if how.softcap is not None:
        scores = torch.tanh(scores / how.softcap) * how.softcap
    if mask is not None:
        scores = scores + mask[:, None]
    if how.sinks is not None:
        sinks = how.sinks.to(scores.dtype).view(1, k.shape[1], -1, 1, 1)
        scores = torch.cat((scores, sinks.expand(n, -1, -1, n_rows, 1)), dim=-1)
    weights = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
    if how.sinks is not None:
        weights = weights[..., :-1]
    return (weights @ v[:, :, None]).reshape(n, n_heads, n_rows, -1)
