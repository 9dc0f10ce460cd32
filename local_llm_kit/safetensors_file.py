"""A check of a safetensors file's header before a library maps the file.

A header that passes names each tensor once, with a known type, and its tensors fill the rest of the
file without a gap or an overlap. Only the header is read.

Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from LLM.exceptions import InvalidRequestError
from local_llm_kit import strict_json

#: Longest header read, in bytes. The format allows 100 MB; a model of 100,000 tensors needs 12.
MAX_HEADER_BYTES = 32 << 20
_MAX_NAME_CHARS = 1024
_MAX_DIMS = 16

#: Bits of one number.
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F8_E3M4": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32,
    "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6,
    "F6_E3M2": 6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor.

    :param dtype: as the format spells it, ``BF16`` for example.
    :param shape: slowest dimension first; empty for a single number.
    :param start: place of its first byte behind the header.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says about itself.

    :param metadata: free texts, such as ``format``.
    :param tensors: by name.
    """

    metadata: Mapping[str, str]
    tensors: Mapping[str, Tensor]


def check(path: str | os.PathLike[str]) -> Header:
    """Read and check a file's header.

    :raises InvalidRequestError: the file is no safetensors file, is cut short, or contradicts
        itself.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = _length(name, file.read(8), size)
            text = file.read(length)
    except OSError as err:
        raise InvalidRequestError(
            f"cannot open the model file {name!r}: {err.strerror or err}"
        ) from err
    return _header(name, text, n_data=size - 8 - length)


def _fail(path: str, what: str) -> NoReturn:
    raise InvalidRequestError(
        f"{path!r} is not a model that can be loaded: {what}; download it again",
        code="invalid_safetensors",
    )


def _length(path: str, prefix: bytes, size: int) -> int:
    if len(prefix) < 8:
        _fail(path, f"it has {size} bytes, which is too few for a safetensors file")
    length: int = struct.unpack("<Q", prefix)[0]
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        _fail(path, f"its header is said to have {length:,} bytes, and the file has {size:,}")
    return length


def _header(path: str, text: bytes, n_data: int) -> Header:
    if not text.startswith(b"{"):  # the format says so; JSON itself would allow white space
        _fail(path, "its header is no JSON object")
    try:
        entries = strict_json.loads(text)
    except ValueError as err:
        _fail(path, f"its header cannot be read ({err})")
    metadata = entries.pop("__metadata__", {})
    if not _is_texts(metadata):
        _fail(path, "its metadata are not texts")
    tensors = [_tensor(path, name, entry) for name, entry in entries.items()]
    _check_layout(path, tensors, n_data)
    return Header(metadata, {tensor.name: tensor for tensor in tensors})


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _tensor(path: str, name: str, entry: Any) -> Tensor:
    shown = name[:64]
    if not name or len(name) > _MAX_NAME_CHARS:
        _fail(path, f"a tensor has the name {shown!r}, of {len(name):,} characters")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        _fail(path, f"tensor {shown!r} is not told by dtype, shape and data_offsets")
    dtype, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        _fail(path, f"tensor {shown!r} has the unknown type {str(dtype)[:32]!r}")
    if not _is_sizes(shape) or len(shape) > _MAX_DIMS:
        _fail(path, f"tensor {shown!r} has a shape that is none")
    if not _is_sizes(place) or len(place) != 2 or place[0] > place[1]:
        _fail(path, f"tensor {shown!r} has a place in the file that is none")
    # Python's integers do not overflow, C's do: the product is held against the place.
    n_bits = math.prod(shape) * _BITS[dtype]
    if n_bits != (place[1] - place[0]) * 8:
        _fail(path, f"tensor {shown!r} takes {place[1] - place[0]:,} bytes, and its shape others")
    return Tensor(name, dtype, tuple(shape), place[0], place[1] - place[0])


def _is_sizes(value: object) -> bool:
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item < 1 << 63 for item in value
    )


def _check_layout(path: str, tensors: list[Tensor], n_data: int) -> None:
    """No byte belongs to no tensor or to two: that is where payloads hide."""
    end = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.size_bytes)):
        if tensor.start != end:
            _fail(path, f"tensor {tensor.name[:64]!r} does not begin where the one before it ends")
        end += tensor.size_bytes
    if end != n_data:
        _fail(path, f"its tensors take {end:,} bytes, and {n_data:,} are there")
