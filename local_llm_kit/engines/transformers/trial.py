"""What a model must show before it is run in batches: what it keeps, and that it mixes no texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from local_llm_kit.engines.transformers.attention import Attending, FreshAttention
from local_llm_kit.engines.transformers.cache import LayerShape, SlotCache
from local_llm_kit.engines.transformers.network import Network
from local_llm_kit.engines.transformers.steps import Part, Step

#: Token counts of the two texts, and up to where each batch computes them.
_LENGTHS = (9, 6)
_CUTS = ((4, 4), (8, 5), (9, 6))

#: Largest relative difference of logits that is rounding and no mistake.
_TOLERANCE = 1e-3
_HALF_TOLERANCE = 0.06

_KINDS = {"full_attention", "sliding_attention"}


class Unfit(Exception):
    """The model cannot be run in batches; says why."""


def check_kinds(config: Any) -> None:
    """Refuse what is known not to work before anything is loaded.

    :param config: transformers' configuration of the text model.
    :raises Unfit: the model keeps something besides keys and values.
    """
    if getattr(config, "is_encoder_decoder", False):
        raise Unfit("it is an encoder with a decoder")
    other = set(getattr(config, "layer_types", None) or ()) - _KINDS
    if other:
        raise Unfit(f"it has layers of the kind {min(other)!r}")


class _Observer:
    """Attends a text alone and notes what each layer keeps."""

    def __init__(self) -> None:
        self._attention = FreshAttention()
        self.shapes: dict[int, LayerShape] = {}
        self.windows: dict[int, int | None] = {}

    def __call__(self, layer: int, q: Any, kv: Any, how: Attending) -> Any:
        self.shapes[layer] = LayerShape(kv.shape[1] // 2, kv.shape[2])
        self.windows[layer] = how.window
        return self._attention(layer, q, kv, how)


def observe(network: Network, config: Any, window: int, device: Any) -> list[LayerShape]:
    """What each layer keeps of a token.

    :param window: most tokens of a text.
    :raises Unfit: layers do not show what they keep, or do not say how far they look back.
    """
    observer = _Observer()
    tokens = torch.tensor(_texts(config.vocab_size)[0], device=device)
    network.hidden(tokens, torch.arange(len(tokens), device=device), observer)
    shapes = observer.shapes
    if sorted(shapes) != list(range(config.num_hidden_layers)):
        raise Unfit(f"attention is computed in {len(shapes)} of its layers only")
    sliding = getattr(config, "sliding_window", None)
    if sliding is not None and sliding < window:
        kinds = getattr(config, "layer_types", None)
        expected = {
            layer: None if kinds and kinds[layer] == "full_attention" else sliding
            for layer in shapes
        }
        if observer.windows != expected:
            raise Unfit(f"it does not tell attention about its window of {sliding} tokens")
    return [shapes[layer] for layer in sorted(shapes)]


def try_in_turns(
    network: Network, alone: Callable[[Any], Any], n_vocab: int, *, dtype: Any, device: Any
) -> None:
    """Compute two texts side by side, in pieces, and each alone.

    :param alone: logits (n_vocab,) after a text, by the model's own attention.
    :raises Unfit: they differ by more than rounding does.
    """
    texts = _texts(n_vocab)
    cache = SlotCache(
        network.cache_shapes, n_slots=2, window=16, n_cells=32, dtype=dtype, device=device
    )
    last: Sequence[Any] = ()
    starts: tuple[int, ...] = (0, 0)
    for ends in _CUTS:
        last = _logits(network, cache, texts, starts, ends, device)
        starts = ends
    tolerance = _TOLERANCE if dtype == torch.float32 else _HALF_TOLERANCE
    for text, found in zip(texts, last, strict=True):
        wanted = alone(torch.tensor([text], device=device)).double()
        difference = float((found.double() - wanted).norm() / wanted.norm())
        if not difference <= tolerance:
            raise Unfit(
                f"two texts in turns give other logits than alone (by {difference:.1%}), so it "
                "keeps more than keys and values"
            )


def _texts(n_vocab: int) -> list[list[int]]:
    return [[(7 * i + 3) % n_vocab for i in range(n)] for n in _LENGTHS]


def _logits(
    network: Network,
    cache: SlotCache,
    texts: Sequence[Sequence[int]],
    starts: Sequence[int],
    ends: Sequence[int],
    device: Any,
) -> Any:
    """(2, n_vocab): the logits of each text's last row in one batch."""
    parts: list[Part] = []
    tokens: list[int] = []
    for slot, (text, start, end) in enumerate(zip(texts, starts, ends, strict=True)):
        parts.append(Part(len(tokens), end - start, slot, start))
        tokens += text[start:end]
    cache.extend({part.slot: part.end for part in parts})
    rows = [(part.slot, place) for part in parts for place in range(part.position, part.end)]
    slots, positions = torch.tensor(rows, device=device).unbind(1)
    step = Step(cache, parts, slots, positions, lambda: False)
    keep = torch.tensor([part.row + part.n - 1 for part in parts], device=device)
    return network.logits(torch.tensor(tokens, device=device), positions, step, keep, None)
