"""A check of a GGUF file's header before C code reads it.

llama.cpp trusts much of what a file says about itself; damaged or hostile counts, lengths and
offsets have crashed it. Here every number is held against the file's size first. A header that
passes has consistent sizes; what the weights compute is another matter.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from LLM.exceptions import InvalidRequestError

_MAX_KEYS = 1 << 16
_MAX_TENSORS = 1 << 16
_MAX_KEY_BYTES = (1 << 16) - 1
_MAX_NAME_BYTES = 63
_MAX_DIMS = 4
_DEFAULT_ALIGNMENT = 32
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip

#: Tensor types that are whole numbers, which no weight is.
_INTEGERS = frozenset(range(24, 29))
_MAX_EXPERTS = 512

#: Tensor type: weights in a block, bytes of a block.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4),
    27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: dimensions with the fastest first, as the file has them."""

    name: str
    dims: tuple[int, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says about itself.

    :param values: metadata; an array is told by its length.
    :param tensors: by name.
    """

    values: Mapping[str, Any]
    lengths: Mapping[str, int]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        """``llama``, ``qwen2`` and so on."""
        return str(self.values["general.architecture"])


def check(path: str | os.PathLike[str]) -> Header:
    """Read and check a file's header.

    :raises InvalidRequestError: the file is no GGUF, is cut short, or contradicts itself.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(name, data).header()
    except ValueError as err:  # an empty file cannot be mapped
        raise InvalidRequestError(_message(name, f"it cannot be read ({err})")) from err
    except OSError as err:
        raise InvalidRequestError(
            f"cannot open the model file {name!r}: {err.strerror or err}"
        ) from err


def _message(path: str, what: str) -> str:
    return f"{path!r} is not a model that can be loaded: {what}; download or convert it again"


class _Reader:
    """Reads a header, holding each number against the bytes that are left."""

    def __init__(self, path: str, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._size = len(data)
        self._at = 0

    def fail(self, what: str) -> NoReturn:
        raise InvalidRequestError(_message(self._path, what), code="invalid_gguf")

    def _take(self, n: int, what: str) -> int:
        """Step over `n` bytes; where they start."""
        start = self._at
        if n > self._size - start:
            self.fail(f"the file ends inside {what}")
        self._at = start + n
        return start

    def _number(self, form: str, what: str) -> Any:
        return struct.unpack_from(form, self._data, self._take(struct.calcsize(form), what))[0]

    def _string(self, limit: int, what: str) -> str:
        length = self._number("<Q", what)
        if length > min(limit, self._size - self._at):
            self.fail(f"{what} is said to have {length:,} bytes")
        start = self._take(length, what)
        return self._data[start : start + length].decode("utf-8", "replace")

    def header(self) -> Header:
        if self._size < 24 or self._data[:4] != b"GGUF":
            self.fail("it does not begin with 'GGUF'")
        self._at = 4
        version = self._number("<I", "the version")
        if version not in (2, 3):
            self.fail(f"its version is {version}, and 2 or 3 can be read")
        n_tensors = self._number("<Q", "the counts")
        n_keys = self._number("<Q", "the counts")
        if not 0 < n_tensors <= _MAX_TENSORS or not 0 < n_keys <= _MAX_KEYS:
            self.fail(f"it is said to have {n_tensors:,} tensors and {n_keys:,} keys")
        values: dict[str, Any] = {}
        lengths: dict[str, int] = {}
        for _ in range(n_keys):
            self._read_key(values, lengths)
        alignment = values.get("general.alignment", _DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            self.fail(f"its alignment is {alignment!r}, not a power of two")
        found = [self._read_tensor(alignment) for _ in range(n_tensors)]
        begin = -(-self._at // alignment) * alignment
        for tensor, offset in found:
            if offset > self._size - begin or tensor.size_bytes > self._size - begin - offset:
                self.fail(f"tensor {tensor.name!r} reaches beyond the end of the file")
        tensors = {tensor.name: tensor for tensor, _ in found}
        if len(tensors) != len(found):
            self.fail("two tensors have one name")
        header = Header(values, lengths, tensors)
        self._check_model(header)
        return header

    def _read_key(self, values: dict[str, Any], lengths: dict[str, int]) -> None:
        key = self._string(_MAX_KEY_BYTES, "a key")
        if not key or key in values or key in lengths:
            self.fail(f"the key {key[:64]!r} is empty or comes twice")
        kind = self._number("<I", "a value")
        if kind == _ARRAY:
            lengths[key] = self._skip_array(key)
        elif kind == _STRING:
            values[key] = self._string(self._size, f"the value of {key[:64]!r}")
        elif kind in _SCALARS:
            values[key] = self._number(_SCALARS[kind], f"the value of {key[:64]!r}")
        else:
            self.fail(f"the value of {key[:64]!r} has the unknown type {kind}")

    def _skip_array(self, key: str) -> int:
        what = f"the list {key[:64]!r}"
        kind = self._number("<I", what)
        count: int = self._number("<Q", what)
        if kind == _STRING:
            if count > (self._size - self._at) // 8:
                self.fail(f"{what} is said to have {count:,} items")
            self._skip_texts(key, count)
        elif kind in _SCALARS:
            self._take(count * struct.calcsize(_SCALARS[kind]), what)
        else:
            self.fail(f"{what} has items of the unknown type {kind}")
        return count

    def _skip_texts(self, key: str, count: int) -> None:
        what = f"the list {key[:64]!r}"
        is_vocabulary = key == "tokenizer.ggml.tokens"
        seen: set[bytes] = set()
        for i in range(count):
            length = self._number("<Q", what)
            start = self._take(length, what)
            if not is_vocabulary:
                continue
            # llama.cpp dies on two tokens alike, as it reads them: up to a NUL, empty ones named.
            text = self._data[start : start + length].partition(b"\0")[0] or b"[EMPTY_%d]" % i
            if text in seen:
                self.fail(f"its vocabulary has {text[:64].decode('utf-8', 'replace')!r} twice")
            seen.add(text)

    def _read_tensor(self, alignment: int) -> tuple[Tensor, int]:
        name = self._string(_MAX_NAME_BYTES, "a tensor's name")
        n_dims = self._number("<I", "a tensor")
        if not 0 < n_dims <= _MAX_DIMS:
            self.fail(f"tensor {name!r} has {n_dims} dimensions")
        dims = tuple(self._number("<Q", "a tensor") for _ in range(n_dims))
        kind = self._number("<I", "a tensor")
        offset: int = self._number("<Q", "a tensor")
        if kind not in _BLOCKS:
            self.fail(f"tensor {name!r} has the unknown type {kind}")
        n_weights, n_bytes = _BLOCKS[kind]
        if kind in _INTEGERS and name.endswith((".weight", ".bias")):
            self.fail(f"tensor {name!r} is said to hold whole numbers")
        # Python's integers do not overflow, C's do: the product is held against the file below.
        if 0 in dims or dims[0] % n_weights or offset % alignment:
            self.fail(f"tensor {name!r} has dimensions {dims} at offset {offset}")
        return Tensor(name, dims, math.prod(dims) // n_weights * n_bytes), offset

    def _check_model(self, header: Header) -> None:
        """What llama.cpp takes for granted about the numbers of a model."""
        architecture = header.values.get("general.architecture")
        if not isinstance(architecture, str) or not re.fullmatch(r"[\w.-]{1,64}", architecture):
            self.fail("it names no architecture")
        n_blocks = self._integer(header, "block_count", 1, 4096)
        width = self._integer(header, "embedding_length", 1, 1 << 20)
        self._integer(header, "context_length", 1, 1 << 30)
        heads = self._integer(header, "attention.head_count", 1, 1 << 16)
        kv_heads = self._integer(header, "attention.head_count_kv", 1, 1 << 16)
        if heads and kv_heads and heads % kv_heads:
            self.fail(f"{heads} heads cannot share {kv_heads} key-value heads")
        self._check_experts(header)
        for key, value in header.values.items():
            if key.endswith("_epsilon") and not (isinstance(value, float) and 0 <= value < 1):
                self.fail(f"its {key} is {value!r}")
        blocks = {
            int(m[1]) for name in header.tensors if (m := re.match(r"blk\.(\d{1,9})\.", name))
        }
        split = header.values.get("split.count", 1) != 1  # other blocks are in the other parts
        if (
            not split
            and n_blocks
            and blocks
            and (max(blocks) >= n_blocks or len(blocks) < n_blocks)
        ):
            self.fail(f"it is said to have {n_blocks} blocks, and its tensors have {len(blocks)}")
        self._check_vocabulary(header, width)

    def _check_experts(self, header: Header) -> None:
        n_experts = self._integer(header, "expert_count", 0, _MAX_EXPERTS) or 0
        n_used = self._integer(header, "expert_used_count", 0, _MAX_EXPERTS) or 0
        is_list = f"{header.architecture}.expert_used_count" in header.lengths
        if not is_list and not min(n_experts, 1) <= n_used <= n_experts:
            self.fail(f"it is said to have {n_experts} experts and to use {n_used}")

    def _check_vocabulary(self, header: Header, width: int | None) -> None:
        embedding = header.tensors.get("token_embd.weight")
        n_tokens = header.lengths.get("tokenizer.ggml.tokens")
        if embedding is None or not n_tokens:
            self.fail("it has no token embedding or no vocabulary")
        if width and embedding.dims[0] != width:
            self.fail(f"its embedding is {embedding.dims[0]} wide, and {width} are said")
        if len(embedding.dims) < 2 or embedding.dims[1] != n_tokens:
            self.fail(f"its embedding has dimensions {embedding.dims} for {n_tokens} tokens")
        for key in ("scores", "token_type"):
            length = header.lengths.get(f"tokenizer.ggml.{key}", n_tokens)
            if length != n_tokens:
                self.fail(f"its {key} are {length} for {n_tokens} tokens")
        for key, value in header.values.items():
            names_token = key.startswith("tokenizer.ggml.") and key.endswith("_token_id")
            if names_token and not (isinstance(value, int) and 0 <= value < n_tokens):
                self.fail(f"{key} is {value!r}, and there are {n_tokens} tokens")

    def _integer(self, header: Header, key: str, low: int, high: int) -> int | None:
        """A number of the architecture, when it is there as one number (a list is per block)."""
        value = header.values.get(f"{header.architecture}.{key}")
        if value is None:
            return None
        if not isinstance(value, int) or not low <= value <= high:
            self.fail(f"its {key} is {value!r}")
        return value
