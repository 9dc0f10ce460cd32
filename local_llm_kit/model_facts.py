"""What a model's files say about it; headers and settings are read, weights are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from local_llm_kit import gguf
from local_llm_kit.checkpoint import Checkpoint, check_folder
from local_llm_kit.engines.defaults import capabilities_of
from local_llm_kit.folder_template import find_chat_template
from local_llm_kit.inventory import files_of
from local_llm_kit.local_files import ModelFile
from local_llm_kit.model_shape import ModelShape, shape_of_checkpoint, shape_of_gguf

#: What ``general.file_type`` of a GGUF file stands for.
#: Source: llama.cpp, ``enum llama_ftype`` in include/llama.h.
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as its files describe it.

    :param files: path and size in bytes of each file.
    :param architecture: ``llama``, ``qwen2`` and so on, as the files spell it.
    :param title: the name that its maker gave it; None where it is not told.
    :param n_params: number of weights.
    :param quantization: how the weights are stored, ``Q4_K_M`` or ``BF16``; None where the files
        do not say.
    :param weight_bytes: of the weights.
    :param n_ctx_train: window that it was trained with, in tokens; 0 where it is not told.
    :param chat_template: Jinja source; None when it has none, and ChatML is used.
    :param capabilities: ``completion``, ``embedding``, and ``tools`` where its template takes some.
    :param revision: commit of the hub's repository.
    :param sha256: of a GGUF file, where its source tells.
    :param unmodelled: what of its memory cannot be planned, in words.
    """

    name: str
    source: str
    kind: str
    path: Path
    files: tuple[tuple[Path, int], ...]
    architecture: str
    title: str | None
    license: str | None
    n_params: int
    quantization: str | None
    weight_bytes: int
    n_ctx_train: int
    n_vocab: int
    n_layers: int
    n_embd: int
    chat_template: str | None
    capabilities: tuple[str, ...]
    revision: str | None
    sha256: str | None
    unmodelled: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size in self.files)

    @property
    def bits_per_weight(self) -> float:
        """Bits that a weight takes in the files, on average."""
        return 8 * self.weight_bytes / self.n_params if self.n_params else 0.0


@dataclass(frozen=True, slots=True)
class _Told:
    """What the two kinds of files tell each in their own way."""

    title: str | None
    license: str | None
    n_params: int
    quantization: str | None
    chat_template: str | None


def describe(found: ModelFile) -> ModelFacts:
    """Read what a model's files say about it.

    :raises InvalidRequestError: they are damaged, or would run code.
    """
    if found.kind == "gguf":
        header = gguf.check(found.path)
        told, shape = _told_by_gguf(header), shape_of_gguf(header)
    else:
        # Nothing is run here: a model that brings code may be looked at.
        checkpoint = check_folder(found.path, trust_remote_code=True)
        told, shape = _told_by_folder(checkpoint), shape_of_checkpoint(checkpoint)
    return _joined(found, told, shape)


def format_parameters(n_params: int, digits: int) -> str:
    """A number of weights as models are named by it: ``3.2B``; empty for 0, which is not known.

    :param digits: behind the point.
    """
    for unit, size in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if n_params >= size:
            return f"{n_params / size:.{digits}f}{unit}"
    return str(n_params) if n_params else ""


def _joined(found: ModelFile, told: _Told, shape: ModelShape) -> ModelFacts:
    return ModelFacts(
        name=found.name,
        source=found.source,
        kind=found.kind,
        path=found.path,
        files=tuple((path, path.stat().st_size) for path in files_of(found)),
        architecture=shape.architecture,
        title=told.title,
        license=told.license,
        n_params=told.n_params,
        quantization=told.quantization,
        weight_bytes=shape.weight_bytes,
        n_ctx_train=shape.n_ctx_train,
        n_vocab=shape.n_vocab,
        n_layers=len(shape.layers),
        n_embd=shape.n_embd,
        chat_template=told.chat_template,
        capabilities=capabilities_of(told.chat_template),
        revision=found.revision,
        sha256=found.sha256,
        unmodelled=shape.unmodelled,
    )


def _told_by_gguf(header: gguf.Header) -> _Told:
    values = header.values
    return _Told(
        title=_text(values.get("general.name")),
        license=_text(values.get("general.license")),
        n_params=sum(prod(tensor.dims) for tensor in header.tensors.values()),
        quantization=_FILE_TYPES.get(values.get("general.file_type", -1)),
        chat_template=_text(values.get("tokenizer.chat_template")),
    )


def _told_by_folder(checkpoint: Checkpoint) -> _Told:
    config, tensors = checkpoint.config, checkpoint.tensors.values()
    n_params = Counter[str]()
    for tensor in tensors:
        n_params[tensor.dtype] += prod(tensor.shape)
    quantized = config.get("quantization_config")
    method = quantized.get("quant_method") if isinstance(quantized, Mapping) else None
    return _Told(
        title=_text(config.get("_name_or_path")),
        license=None,
        n_params=n_params.total(),
        quantization=_text(method) or n_params.most_common(1)[0][0],
        chat_template=find_chat_template(checkpoint.folder),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
