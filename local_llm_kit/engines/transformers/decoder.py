"""The fused decoder: the block that Llama, Mistral, Qwen2 and Qwen3 share, with few calls to torch.

Queries, keys and values come from one product, gate and up from another. Rows are what they are:
(n_rows, width), whatever sequence each belongs to; only attention knows. On small models the number
of calls counts, 2 to 20 µs each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it

from local_llm_kit.engines.transformers.attention import Attending, Attention
from local_llm_kit.engines.transformers.cache import LayerShape
from local_llm_kit.engines.transformers.linear import Int8Linear, Linear
from local_llm_kit.engines.transformers.norm import RmsNorm
from local_llm_kit.engines.transformers.rope import Rope, pair_up
from local_llm_kit.engines.transformers.weights import Weights

#: Tensors that make queries and keys, whose coordinates are turned in pairs.
_TURNED = ("self_attn.q_", "self_attn.k_")


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Sizes of a model, as its config.json tells them."""

    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_width: int
    hidden: int
    inner: int
    n_vocab: int
    eps: float
    qkv_bias: bool
    out_bias: bool
    mlp_bias: bool
    qk_norm: bool
    tied: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one block."""

    norm: RmsNorm
    qkv: Linear
    q_norm: RmsNorm | None
    k_norm: RmsNorm | None
    out: Linear
    mlp_norm: RmsNorm
    gate_up: Linear
    down: Linear


class FusedDecoder:
    """A network of the Llama family.

    :param dims: its sizes.
    :param rope: its positions.
    :param weights: its tensors.
    :param make_linear: kind of the products, `Linear` or `Int8Linear`.
    """

    def __init__(
        self,
        dims: Dimensions,
        rope: Rope,
        weights: Weights,
        make_linear: Callable[[Any, Any], Linear] = Linear,
    ) -> None:
        self.dims = dims
        self._rope = rope
        self._how = Attending(dims.head_width**-0.5)
        self._make_linear = make_linear
        self._embedding = weights("model.embed_tokens.weight", dims.n_vocab, dims.hidden)
        self.layers = [self._load(weights, f"model.layers.{i}.") for i in range(dims.n_layers)]
        self._norm = RmsNorm(weights("model.norm.weight", dims.hidden), dims.eps)
        head = self._embedding
        if not dims.tied:
            head = weights("lm_head.weight", dims.n_vocab, dims.hidden)
        self._head = make_linear(head, None)

    def _load(self, weights: Weights, prefix: str) -> Layer:
        dims = self.dims
        q_size, kv_size = dims.n_heads * dims.head_width, dims.n_kv_heads * dims.head_width

        def read(name: str, *shape: int) -> Any:
            tensor = weights(prefix + name, *shape)
            turned = name.startswith(_TURNED)
            return pair_up(tensor, dims.head_width) if turned else tensor

        def linear(sizes: Mapping[str, int], n_in: int, bias: bool) -> Linear:
            matrices = [read(f"{name}.weight", n_out, n_in) for name, n_out in sizes.items()]
            biases = [read(f"{name}.bias", n_out) for name, n_out in sizes.items() if bias]
            return self._make_linear(torch.cat(matrices), torch.cat(biases) if bias else None)

        def norm(name: str, size: int) -> RmsNorm:
            return RmsNorm(read(f"{name}.weight", size), dims.eps)

        return Layer(
            norm=norm("input_layernorm", dims.hidden),
            qkv=linear(
                {
                    "self_attn.q_proj": q_size,
                    "self_attn.k_proj": kv_size,
                    "self_attn.v_proj": kv_size,
                },
                dims.hidden,
                dims.qkv_bias,
            ),
            q_norm=norm("self_attn.q_norm", dims.head_width) if dims.qk_norm else None,
            k_norm=norm("self_attn.k_norm", dims.head_width) if dims.qk_norm else None,
            out=linear({"self_attn.o_proj": dims.hidden}, q_size, dims.out_bias),
            mlp_norm=norm("post_attention_layernorm", dims.hidden),
            gate_up=linear(
                {"mlp.gate_proj": dims.inner, "mlp.up_proj": dims.inner},
                dims.hidden,
                dims.mlp_bias,
            ),
            down=linear({"mlp.down_proj": dims.hidden}, dims.inner, dims.mlp_bias),
        )

    @property
    def cache_shapes(self) -> list[LayerShape]:
        """What the layers keep of a token."""
        return [LayerShape(self.dims.n_kv_heads, self.dims.head_width)] * self.dims.n_layers

    @property
    def size_bytes(self) -> int:
        """Bytes of the weights in memory."""
        blocks = sum(
            linear.size_bytes
            for layer in self.layers
            for linear in (layer.qkv, layer.out, layer.gate_up, layer.down)
        )
        shared = self.dims.tied and not isinstance(self._head, Int8Linear)
        head = 0 if shared else self._head.size_bytes
        return blocks + head + int(self._embedding.numel() * self._embedding.element_size())

    def logits(
        self, tokens: Any, positions: Any, attention: Attention, keep: Any, adapter: str | None
    ) -> Any:
        """(len(keep), n_vocab) of some rows; see `network.Network`."""
        hidden = self.hidden(tokens, positions, attention, adapter)
        return self._head(hidden if keep is None else hidden[keep])

    def hidden(
        self, tokens: Any, positions: Any, attention: Attention, adapter: str | None = None
    ) -> Any:
        """(n_rows, hidden): the state of each row after the last norm; see `network.Network`."""
        x = F.embedding(tokens, self._embedding)
        turns = self._rope.turns(positions)
        for index, layer in enumerate(self.layers):
            heads = layer.qkv(layer.norm(x), adapter)
            layer.out.add_to(x, self._attend(index, layer, heads, turns, attention), adapter)
            gate, up = layer.gate_up(layer.mlp_norm(x), adapter).chunk(2, dim=-1)
            layer.down.add_to(x, F.silu(gate).mul_(up), adapter)
        return self._norm(x)

    def _attend(self, index: int, layer: Layer, x: Any, turns: Any, attention: Attention) -> Any:
        dims = self.dims
        n_q, n_qk = dims.n_heads, dims.n_heads + dims.n_kv_heads
        heads = x.view(len(x), n_qk + dims.n_kv_heads, dims.head_width)
        if layer.q_norm is not None and layer.k_norm is not None:
            heads[:, :n_q] = layer.q_norm(heads[:, :n_q])
            heads[:, n_q:n_qk] = layer.k_norm(heads[:, n_q:n_qk])
        self._rope.turn(heads[:, :n_qk], turns)
        return attention(index, heads[:, :n_q], heads[:, n_q:], self._how).flatten(1)
