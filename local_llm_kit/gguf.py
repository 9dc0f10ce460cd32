"""A check of a GGUF file's header before C code reads it.

llama.cpp trusts much of what a file says about itself; damaged or hostile counts, lengths and
offsets have crashed it. Here every number is held against the file's size first, and then what the
header tells of the model (`gguf_model`). A header that passes has consistent sizes; what the
weights compute is another matter.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from LLM.exceptions import InvalidRequestError
from local_llm_kit.gguf_model import check_model

_MAX_KEYS = 1 << 16
_MAX_TENSORS = 1 << 16
_MAX_KEY_BYTES = (1 << 16) - 1
_MAX_NAME_BYTES = 63
_MAX_DIMS = 4
_DEFAULT_ALIGNMENT = 32
#: Longest list whose values are kept: more than one for each block of any model.
_MAX_LIST = 4096
#: Most files of one model.
_MAX_PARTS = 1024
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
#: Scalars that are whole numbers or truth values.
_WHOLE = frozenset({0, 1, 2, 3, 4, 5, 7, 10, 11})

#: Tensor types that are whole numbers, which no weight is.
_INTEGERS = frozenset(range(24, 29))

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

    :param values: metadata that are one value each.
    :param lengths: of the metadata that are lists.
    :param lists: those of at most 4,096 whole numbers or truth values, such as one for each block.
    :param tensors: by name; of every part, when the model is in several files.
    """

    values: Mapping[str, Any]
    lengths: Mapping[str, int]
    lists: Mapping[str, tuple[int, ...]]
    tensors: Mapping[str, Tensor]

    @property
    def architecture(self) -> str:
        """``llama``, ``qwen2`` and so on."""
        return str(self.values["general.architecture"])

    def per_block(self, key: str) -> tuple[int, ...] | None:
        """The values of a key of the architecture, for each block; None when it is not there.

        :param key: without the architecture, ``attention.head_count_kv`` for example.
        """
        value = self.values.get(f"{self.architecture}.{key}")
        if value is None:
            return self.lists.get(f"{self.architecture}.{key}")
        return (value,) * int(self.values[f"{self.architecture}.block_count"])


def check(path: str | os.PathLike[str]) -> Header:
    """Read and check a model's header.

    :param path: a GGUF file; the first one, of a model in several. Then all parts are read.
    :raises InvalidRequestError: a file is no GGUF, is cut short, or contradicts itself or another.
    """
    path = Path(path)
    header = _joined(path, _read(path))
    try:
        check_model(header)
    except ValueError as err:
        _fail(path, str(err))
    return header


def check_adapter(path: str | os.PathLike[str]) -> Header:
    """Read and check the header of a LoRA adapter.

    :raises InvalidRequestError: the file is no GGUF or no adapter, is cut short, or contradicts
        itself.
    """
    path = Path(path)
    header = _read(path)
    kinds = (header.values.get("general.type"), header.values.get("adapter.type"))
    if kinds != ("adapter", "lora"):
        _fail(path, f"it is no LoRA adapter but {kinds[0]!r}")
    for name in header.tensors:
        base, _, side = name.rpartition(".lora_")
        other = f"{base}.lora_{'b' if side == 'a' else 'a'}"
        is_paired = base and side in ("a", "b") and other in header.tensors
        if not is_paired and not name.endswith("_norm.weight"):
            _fail(path, f"its tensor {name!r} is not one of a pair")
    return header


def part_paths(path: Path) -> list[Path]:
    """All files of the model that a file belongs to, whether they exist or not.

    They are told by their names, as llama.cpp does it: ``name-00001-of-00003.gguf``. A file of any
    other name stands alone, and so does one that counts what cannot be.
    """
    match = _PART.fullmatch(path.name)
    n_parts = int(match[3]) if match else 1
    if not match or not 1 <= int(match[2]) <= n_parts <= _MAX_PARTS:
        return [path]
    ending = path.name[len(match[1]) + len("-00001-of-00001") :]
    return [
        path.with_name(f"{match[1]}-{i:05d}-of-{n_parts:05d}{ending}")
        for i in range(1, n_parts + 1)
    ]


def _read(path: Path) -> Header:
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(path, data).header()
    except ValueError as err:  # an empty file cannot be mapped
        _fail(path, f"it cannot be read ({err})")
    except OSError as err:
        raise InvalidRequestError(
            f"cannot open the model file {str(path)!r}: {err.strerror or err}"
        ) from err


def _joined(path: Path, first: Header) -> Header:
    """The header of a whole model, whose tensors may be in several files."""
    paths = part_paths(path)
    tensors = dict(first.tensors)
    for i, part in enumerate(paths):
        header = _read(part) if i else first
        found = (header.values.get("split.no", 0), header.values.get("split.count", 1))
        if found != (i, len(paths)):
            _fail(part, f"it says it is part {found[0]!r} of {found[1]!r}, counted from 0")
        if i and (twice := tensors.keys() & header.tensors.keys()):
            _fail(part, f"tensor {min(twice)!r} is in another part too")
        tensors.update(header.tensors)
    return replace(first, tensors=tensors)


def _fail(path: Path, what: str) -> NoReturn:
    raise InvalidRequestError(
        f"{str(path)!r} is not a model that can be loaded: {what}; download or convert it again",
        code="invalid_gguf",
    )


class _Reader:
    """Reads a header, holding each number against the bytes that are left."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._size = len(data)
        self._at = 0
        self._values: dict[str, Any] = {}
        self._lengths: dict[str, int] = {}
        self._lists: dict[str, tuple[int, ...]] = {}

    def fail(self, what: str) -> NoReturn:
        _fail(self._path, what)

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
        if n_tensors > _MAX_TENSORS or not 0 < n_keys <= _MAX_KEYS:
            self.fail(f"it is said to have {n_tensors:,} tensors and {n_keys:,} keys")
        for _ in range(n_keys):
            self._read_key()
        return Header(self._values, self._lengths, self._lists, self._read_tensors(n_tensors))

    def _read_tensors(self, n_tensors: int) -> dict[str, Tensor]:
        alignment = self._values.get("general.alignment", _DEFAULT_ALIGNMENT)
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
        return tensors

    def _read_key(self) -> None:
        key = self._string(_MAX_KEY_BYTES, "a key")
        if not key or key in self._values or key in self._lengths:
            self.fail(f"the key {key[:64]!r} is empty or comes twice")
        kind = self._number("<I", "a value")
        if kind == _ARRAY:
            self._lengths[key] = self._read_array(key)
        elif kind == _STRING:
            self._values[key] = self._string(self._size, f"the value of {key[:64]!r}")
        elif kind in _SCALARS:
            self._values[key] = self._number(_SCALARS[kind], f"the value of {key[:64]!r}")
        else:
            self.fail(f"the value of {key[:64]!r} has the unknown type {kind}")

    def _read_array(self, key: str) -> int:
        """Step over a list, keeping it when it is short and of whole numbers; its length."""
        what = f"the list {key[:64]!r}"
        kind = self._number("<I", what)
        count: int = self._number("<Q", what)
        if kind == _STRING:
            if count > (self._size - self._at) // 8:
                self.fail(f"{what} is said to have {count:,} items")
            self._skip_texts(key, count)
        elif kind in _SCALARS:
            form = _SCALARS[kind]
            start = self._take(count * struct.calcsize(form), what)
            if kind in _WHOLE and count <= _MAX_LIST:
                form = f"<{count}{form[1]}"
                self._lists[key] = struct.unpack_from(form, self._data, start)
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
