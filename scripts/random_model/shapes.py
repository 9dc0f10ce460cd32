"""How big the models are that can be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Tokens of the tiny model's tokenizer, which every kind begins with.
BASE_VOCABULARY = 1024


@dataclass(frozen=True)
class Shape:
    """A Llama model's dimensions, its embeddings tied.

    :param hidden: width of the residual stream.
    :param feed_forward: width inside a layer's feed-forward part.
    :param heads: query heads; each is ``hidden / heads`` wide.
    :param kv_heads: key and value heads, a divisor of `heads`.
    :param vocabulary: tokens, at least `BASE_VOCABULARY`.
    :param context: window in tokens that the files name.
    :param stored: numpy dtype of the matrices in the safetensors file.
    """

    hidden: int
    feed_forward: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int
    stored: str = "float16"

    @property
    def head_width(self) -> int:
        """Numbers in a head."""
        return self.hidden // self.heads

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name, as transformers names it, to shape; matrices are (outputs, inputs)."""
        found: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.vocabulary, self.hidden),
            "model.norm.weight": (self.hidden,),
        }
        for layer in range(self.layers):
            for name, shape in self._layer().items():
                found[f"model.layers.{layer}.{name}.weight"] = shape
        return found

    def _layer(self) -> dict[str, tuple[int, ...]]:
        keys = self.kv_heads * self.head_width
        return {
            "input_layernorm": (self.hidden,),
            "post_attention_layernorm": (self.hidden,),
            "self_attn.q_proj": (self.hidden, self.hidden),
            "self_attn.k_proj": (keys, self.hidden),
            "self_attn.v_proj": (keys, self.hidden),
            "self_attn.o_proj": (self.hidden, self.hidden),
            "mlp.gate_proj": (self.feed_forward, self.hidden),
            "mlp.up_proj": (self.feed_forward, self.hidden),
            "mlp.down_proj": (self.hidden, self.feed_forward),
        }

    def config(self) -> dict[str, Any]:
        """What transformers reads from ``config.json``."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": self.hidden,
            "intermediate_size": self.feed_forward,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_width,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": self.context,
            "rms_norm_eps": 1e-5,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "hidden_act": "silu",
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": 2,
            "pad_token_id": 0,
            # CPUs compute float16 slowly: what is stored narrow is widened on loading.
            "dtype": "float32",
        }


#: `speed`: the size of `tiny`, where everything but the arithmetic shows. `half`: the dimensions of
#: Qwen2.5-0.5B, whose layers differ from these by three small biases. `vocab`: next to no layers
#: under a big vocabulary, where sampling and constraints show; its rows fit the K-quants.
SHAPES = {
    "speed": Shape(128, 384, 4, 4, 2, BASE_VOCABULARY, 8192, stored="float32"),
    "half": Shape(896, 4864, 24, 14, 2, 151_936, 32_768),
    "vocab": Shape(256, 768, 2, 4, 2, 151_936, 8192),
}
