"""Write the tiny model's safetensors as a GGUF file.

    python -m scripts.tiny_model.to_gguf MODEL_DIR OUT.gguf [--type Q8_0]

Only what this model needs: the Llama architecture with tied embeddings and a byte-level BPE
tokenizer whose pre-tokenizer is qwen2's.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class About:
    """What a file says of itself."""

    name: str
    description: str


TINY = About(
    "tiny",
    "A small chat model for trying llm-kit without a download, trained on text "
    "that scripts/tiny_model makes.",
)
FILE_TYPES = {
    "F32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "F16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
OUTER_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
}
LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name: str) -> str:
    """Translate a tensor's name.

    :raises ValueError: a tensor that this architecture does not have.
    """
    if name in OUTER_NAMES:
        return OUTER_NAMES[name]
    found = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.weight", name)
    if not found or found[2] not in LAYER_NAMES:
        raise ValueError(f"unexpected tensor {name!r}; this script converts tied Llama models only")
    return f"blk.{found[1]}.{LAYER_NAMES[found[2]]}.weight"


def interleave_rotary(weight: Array, n_head: int) -> Array:
    """Reorder the rows of a query or key projection.

    transformers rotates the two halves of a head against each other, llama.cpp neighbouring pairs.

    :param weight: (n_head * head_dim, columns).
    """
    rows, columns = weight.shape
    return (
        weight.reshape(n_head, 2, rows // n_head // 2, columns)
        .swapaxes(1, 2)
        .reshape(rows, columns)
    )


def tensors(model_dir: Path, config: dict[str, Any]) -> Iterator[tuple[str, Array]]:
    """Give the tensors under their GGUF names, float32."""
    for name, data in load_file(model_dir / "model.safetensors").items():
        data = data.astype(np.float32)
        if name.endswith("q_proj.weight"):
            data = interleave_rotary(data, config["num_attention_heads"])
        if name.endswith("k_proj.weight"):
            data = interleave_rotary(data, config["num_key_value_heads"])
        yield gguf_name(name), data


def add_tokenizer(writer: gguf.GGUFWriter, model_dir: Path) -> None:
    """Write vocabulary, merges, special tokens and chat template."""
    data = json.loads((model_dir / "tokenizer.json").read_text("utf-8"))
    config = json.loads((model_dir / "tokenizer_config.json").read_text("utf-8"))
    added = {t["content"]: t for t in data["added_tokens"]}
    ids = {**data["model"]["vocab"], **{text: t["id"] for text, t in added.items()}}
    texts = sorted(ids, key=ids.__getitem__)
    kinds = [
        gguf.TokenType.NORMAL
        if t not in added
        else gguf.TokenType.CONTROL
        if added[t]["special"]
        else gguf.TokenType.USER_DEFINED
        for t in texts
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges(
        [m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]]
    )
    writer.add_eos_token_id(ids[config["eos_token"]])
    writer.add_eot_token_id(ids[config["eos_token"]])
    writer.add_pad_token_id(ids[config["pad_token"]])
    writer.add_add_bos_token(False)
    writer.add_chat_template((model_dir / "chat_template.jinja").read_text("utf-8"))


def add_general(writer: gguf.GGUFWriter, file_type: gguf.LlamaFileType, about: About) -> None:
    """Write what the file is and whose."""
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(about.name)
    writer.add_author("llm-kit")
    writer.add_license("mit")
    writer.add_license_name("MIT")
    writer.add_description(about.description)
    writer.add_languages(["en"])
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def add_shape(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    """Write the architecture's numbers."""
    rope = config.get("rope_parameters") or {}
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(rope.get("rope_theta") or config.get("rope_theta", 10000.0))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def convert(model_dir: Path, out: Path, kind: str = "Q8_0", about: About = TINY) -> None:
    """Convert a model.

    :param model_dir: folder with config.json, model.safetensors and the tokenizer's files.
    :param kind: F32, F16 or Q8_0, for the matrices; norms stay float32.
    :param about: what the file says of itself.
    """
    config = json.loads((model_dir / "config.json").read_text("utf-8"))
    matrix_type, file_type = FILE_TYPES[kind]
    writer = gguf.GGUFWriter(str(out), "llama")
    add_general(writer, file_type, about)
    add_shape(writer, config)
    add_tokenizer(writer, model_dir)
    for name, data in tensors(model_dir, config):
        stored = matrix_type if data.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quantize(data, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Run from the command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model_dir", type=Path)
    p.add_argument("out", type=Path)
    p.add_argument("--type", default="Q8_0", choices=FILE_TYPES)
    args = p.parse_args()
    convert(args.model_dir, args.out, args.type)


if __name__ == "__main__":
    main()
