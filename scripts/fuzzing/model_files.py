"""Headers of model files: checked, or refused by name; what passes can be described."""

from __future__ import annotations

import json
import struct

from fuzzing.files import written
from fuzzing.target import Target
from LLM.exceptions import InvalidRequestError
from local_llm_kit import gguf, safetensors_file
from local_llm_kit.model_facts import describe
from local_llm_kit.model_files import ModelFile


def check_gguf(data: bytes) -> None:
    """GGUF: a model, and an adapter."""
    path = written("model.gguf", data)
    try:
        header = gguf.check(path)
    except InvalidRequestError as err:
        assert len(str(err)) < 2000
    else:
        for tensor in header.tensors.values():
            assert tensor.size_bytes <= len(data), tensor
        facts = describe(ModelFile("fuzz", path, "gguf"))
        assert facts.n_layers >= 1
    try:
        gguf.check_adapter(path)
    except InvalidRequestError:
        pass


def check_safetensors(data: bytes) -> None:
    """Safetensors: no byte belongs to no tensor, or to two."""
    try:
        header = safetensors_file.check(written("model.safetensors", data))
    except InvalidRequestError as err:
        assert len(str(err)) < 2000
        return
    n_header = struct.unpack("<Q", data[:8])[0]
    assert sum(one.size_bytes for one in header.tensors.values()) == len(data) - 8 - n_header


def small_gguf() -> bytes:
    """A model of one block and three tokens, in 1 KB."""
    keys = [
        _key("general.architecture", 8, _text("llama")),
        _key("general.name", 8, _text("small")),
        _key("llama.block_count", 4, struct.pack("<I", 1)),
        _key("llama.context_length", 4, struct.pack("<I", 64)),
        _key("llama.embedding_length", 4, struct.pack("<I", 4)),
        _key("llama.feed_forward_length", 9, struct.pack("<IQI", 4, 1, 8)),
        _key("llama.attention.head_count", 4, struct.pack("<I", 2)),
        _key("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)),
        _key("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 3) + b"".join(map(_text, "abc"))),
        _key("tokenizer.ggml.scores", 9, struct.pack("<IQ3f", 6, 3, 0, 0, 0)),
        _key("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 2)),
    ]
    tensors = [
        _tensor("token_embd.weight", (4, 3), 0),
        _tensor("blk.0.attn_q.weight", (4, 4), 64),
        _tensor("output_norm.weight", (4,), 128),
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys + tensors)
    return head + b"\0" * (-len(head) % 32 + 160)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _key(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value


def _tensor(name: str, dims: tuple[int, ...], offset: int) -> bytes:
    shape = struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
    return _text(name) + shape + struct.pack("<IQ", 0, offset)


def _safetensors(entries: object, n_data: int) -> bytes:
    head = json.dumps(entries).encode()
    return struct.pack("<Q", len(head)) + head + b"\0" * n_data


_F32 = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
_PADDED = small_gguf().replace(b"general.name", b"general.nam\0")
TARGETS = {
    "gguf": Target(
        check_gguf,
        (small_gguf(), _PADDED, small_gguf()[:200]),
        (b"GGUF", *(_text(name) for name in (
            "general.alignment", "general.type", "adapter", "adapter.type", "lora", "split.no",
            "split.count", "llama.expert_count", "llama.expert_used_count", "general.license",
            "llama.attention.head_count_kv", "llama.attention.key_length", "llama.ssm.d_state",
            "llama.vocab_size", "tokenizer.chat_template", "general.file_type",
            "tokenizer.ggml.token_type", "blk.0.ffn_up.weight", "a.weight.lora_a")),
         *(struct.pack("<I", kind) for kind in range(14)), b"\xff" * 8, struct.pack("<Q", 1 << 62)),
        max_bytes=2048,
    ),
    "safetensors": Target(
        check_safetensors,
        (_safetensors({"__metadata__": {"format": "pt"}, "a": _F32}, 16), _safetensors({}, 0),
         _safetensors({"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}, 1)),
        (b"__metadata__", b"dtype", b"shape", b"data_offsets", b"BF16", b"F4", b"[", b"]", b"{",
         b"}", b"1e400", b"NaN", b"\\ud800", b"18446744073709551616", b"-1", b"true"),
        max_bytes=1024,
    ),
}  # fmt: skip
