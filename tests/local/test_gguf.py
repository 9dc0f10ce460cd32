"""The check of a GGUF file before C code reads it."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from LLM import InvalidRequestError
from local_llm_kit import LLMClient, gguf
from tests.local.support import TINY

DATA = TINY.read_bytes()
TOKEN_A = struct.pack("<Q", 1) + b"A"


def written(folder: Path, data: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def with_number(data: bytes, place: int, form: str, value: int) -> bytes:
    return data[:place] + struct.pack(form, value) + data[place + struct.calcsize(form) :]


def after(text: bytes) -> int:
    return DATA.index(text) + len(text)


#: The bundled model without the number of its key-value heads, under a name that nobody reads.
NO_KV_HEADS = DATA.replace(b"llama.attention.head_count_kv", b"llama.attention.head_count_xx")


def with_entry(entry: bytes, data: bytes = DATA) -> bytes:
    """One more key, and a text that keeps the tensors where they are aligned."""
    size = -(len(entry) + 23) % 32
    entry += struct.pack("<Q", 3) + b"pad" + struct.pack("<IQ", 8, size) + b" " * size
    n_keys = struct.unpack_from("<Q", data, 16)[0]
    return with_number(data, 16, "<Q", n_keys + 2)[:24] + entry + data[24:]


def with_key(key: bytes, value: int) -> bytes:
    return with_entry(struct.pack("<Q", len(key)) + key + struct.pack("<II", 4, value))


def with_list(key: bytes, values: list[int], kind: int = 4, data: bytes = DATA) -> bytes:
    head = struct.pack("<Q", len(key)) + key + struct.pack("<IIQ", 9, kind, len(values))
    return with_entry(head + struct.pack(f"<{len(values)}I", *values), data)


def split(folder: Path, n_tensors: int = 20) -> list[Path]:
    """The bundled model in several files."""
    package = pytest.importorskip("gguf")  # the reference's own writer
    reader = package.GGUFReader(TINY)
    writer = package.GGUFWriter(folder / "tiny.gguf", "llama", split_max_tensors=n_tensors)
    for key, field in reader.fields.items():
        if not key.startswith(("GGUF.", "general.architecture")):
            kind, item = field.types[0], field.types[-1]
            writer.add_key_value(key, field.contents(), kind, item if kind == 9 else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob("*.gguf"))


def test_the_bundled_model_passes() -> None:
    header = gguf.check(TINY)
    assert header.architecture == "llama"
    assert header.tensors["token_embd.weight"].dims[1] == header.lengths["tokenizer.ggml.tokens"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04" + DATA[4:], "does not begin with 'GGUF'"),
        (with_number(DATA, 4, "<I", 1), "version is 1"),
        (with_number(DATA, 8, "<Q", 1 << 60), "tensors"),
        (with_number(DATA, 16, "<Q", 1 << 60), "keys"),
        (with_number(DATA, 24, "<Q", 1 << 62), "a key is said to have"),
        (DATA[: len(DATA) // 2], "beyond the end"),
        (DATA[:1000], "is said to have"),
        (with_number(DATA, after(b"llama.block_count") + 4, "<I", 77), "77 blocks"),
        (with_number(DATA, after(b"llama.attention.head_count_kv") + 4, "<I", 3), "share 3"),
        (with_number(DATA, after(b"token_embd.weight") + 12, "<Q", 1 << 61), "token_embd"),
        (with_number(DATA, after(b"tokenizer.ggml.eos_token_id") + 4, "<I", 1 << 31), "eos"),
        # Twice this is 64 in 32 bits, as the tensors have it; llama.cpp then aborted.
        (
            with_number(DATA, after(b"attention.value_length") + 4, "<I", (1 << 31) + 32),
            "value_len",
        ),
        (with_list(b"llama.feed_forward_length_exps", [1 << 31] * 5), "feed_forward_length"),
        (DATA.replace(b"llama.block_count", b"llama.block_cound", 1), "does not tell its block_co"),
        (with_number(DATA, after(b"rms_epsilon") + 4, "<f", -1.0), "rms_epsilon is -1.0"),
        (with_number(DATA, after(b"rms_epsilon") + 4, "<f", math.nan), "rms_epsilon is nan"),
        (DATA.replace(TOKEN_A, TOKEN_A[:-1] + b"B", 1), "'B' twice"),
        (with_number(DATA, after(b"blk.0.attn_norm.weight") + 12, "<I", 26), "whole numbers"),
        (with_key(b"llama.expert_count", 4), "4 experts"),
        (with_key(b"llama.expert_count", 1 << 31), "expert_count"),
        (with_key(b"llama.expert_used_count", 4), "0 experts"),
        (with_list(b"llama.expert_used_count", [4] * 5), "0 experts"),
        (with_list(b"llama.expert_used_count", [0] * 4), "list of 4"),
        (with_list(b"llama.expert_used_count", [0] * 5, kind=6), "list of 5"),
        (with_list(b"llama.expert_used_count", [0] * 5000), "list of 5,000"),
        (with_list(b"llama.attention.head_count_kv", [3] * 5, data=NO_KV_HEADS), "share 3"),
        (with_list(b"llama.attention.head_count_kv", [2, 0, 2, 2, 2], data=NO_KV_HEADS), "block 1"),
        (with_number(DATA, after(b"llama.attention.head_count") + 4, "<I", 0), "0 attention heads"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_header_that_lies_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a model that can be loaded") as caught:
        gguf.check(written(tmp_path, data))
    assert reason in str(caught.value)


def test_lists_for_each_block_are_told(tmp_path: Path) -> None:
    header = gguf.check(written(tmp_path, with_list(b"llama.sliding", [1, 0, 1, 0, 1])))
    assert header.per_block("sliding") == (1, 0, 1, 0, 1)
    assert header.per_block("attention.head_count_kv") == (2,) * 5
    assert header.per_block("unheard_of") is None


def test_a_model_in_parts_is_checked_and_loaded_whole(tmp_path: Path) -> None:
    first = split(tmp_path)[0]
    assert gguf.check(first).tensors.keys() == gguf.check(TINY).tensors.keys()
    with LLMClient(str(first)) as client:
        assert client.info.name == "tiny"
        assert client.completions.create(prompt="Hello", max_tokens=4).usage.completion_tokens


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    parts = split(tmp_path)
    assert len(parts) == 3
    parts[1].write_bytes(parts[2].read_bytes())
    with pytest.raises(InvalidRequestError, match=r"00002-of-00003.*it says it is part 2 of 3"):
        gguf.check(parts[0])


def test_a_part_is_no_model_of_its_own(tmp_path: Path) -> None:
    alone = split(tmp_path)[0].rename(tmp_path / "alone.gguf")
    with pytest.raises(InvalidRequestError, match="it says it is part 0 of 3"):
        gguf.check(alone)


def test_every_truncation_of_the_header_is_refused(tmp_path: Path) -> None:
    end = after(b"output_norm.weight")
    for size in range(0, end, 997):
        with pytest.raises(InvalidRequestError):
            gguf.check(written(tmp_path, DATA[:size]))


def test_a_client_refuses_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="download or convert it again"):
        LLMClient(str(written(tmp_path, DATA[:5000])))


def test_a_vocabulary_that_says_nothing_still_answers(tmp_path: Path) -> None:
    place = after(b"tokenizer.ggml.token_type") + 8
    n_tokens = struct.unpack_from("<Q", DATA, place)[0]
    unused = struct.pack("<i", 5) * n_tokens
    data = DATA[: place + 8] + unused + DATA[place + 8 + len(unused) :]
    with LLMClient(str(written(tmp_path, data))) as client:
        assert client.completions.create(prompt=[1, 2], max_tokens=2).choices[0].text == ""
        with pytest.raises(InvalidRequestError, match="window"):
            client.completions.create(prompt="x" * 9000)
