"""Embeddings: the arguments of a call, checked, and its answer in OpenAI's shape.

Source: https://platform.openai.com/docs/api-reference/embeddings.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from local_llm_kit.fields import Fields, invalid, texts_or_tokens, unsupported
from local_llm_kit.hints import BOOKKEEPING, ignore_hints

#: Most inputs of one call; OpenAI's own bound.
MAX_INPUTS = 2048
#: Longest embedding that can be asked for, in numbers; models' own are far shorter.
MAX_DIMENSIONS = 1 << 20

#: Inputs between which a deadline is looked at.
_PART = 16

EncodingFormat = Literal["float", "base64"]


@dataclass(frozen=True, slots=True)
class EmbeddingArguments:
    """What to embed.

    :param model: the model asked for; None means whichever there is.
    :param inputs: texts, or lists of token ids; 1 to 2,048, none empty.
    :param dimensions: numbers of an embedding to keep; None keeps all.
    :param encoding_format: numbers, or the base64 of little-endian float32.
    :param ignored: names of the arguments that were given and have no effect.
    """

    model: str | None
    inputs: tuple[str | list[int], ...]
    dimensions: int | None
    encoding_format: EncodingFormat
    ignored: tuple[str, ...] = ()

    def parts(self) -> Iterator[EmbeddingArguments]:
        """The same call, some inputs at a time."""
        for start in range(0, len(self.inputs), _PART):
            yield replace(self, inputs=self.inputs[start : start + _PART])


def parse_embeddings(body: Mapping[str, Any]) -> EmbeddingArguments:
    """Check the arguments of an embeddings call.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    ignore_hints(fields, BOOKKEEPING)
    arguments = EmbeddingArguments(
        fields.text("model"),
        _inputs(fields.take("input")),
        fields.integer("dimensions", 1, MAX_DIMENSIONS),
        _encoding(fields.take("encoding_format")),
        tuple(fields.ignored),
    )
    fields.done({})
    return arguments


def _inputs(value: Any) -> tuple[str | list[int], ...]:
    inputs = texts_or_tokens("input", value, MAX_INPUTS)
    if "" in inputs:
        raise invalid("input", f"input[{inputs.index('')}] is empty; leave it out")
    return tuple(inputs)


def _encoding(value: Any) -> EncodingFormat:
    if value in (None, "float"):
        return "float"
    if value == "base64":
        return "base64"
    raise invalid("encoding_format", "encoding_format must be 'float' or 'base64'")


def check_dimensions(arguments: EmbeddingArguments, model: str, n_embd: int) -> None:
    """Refuse more numbers than the model's embeddings have.

    :raises InvalidRequestError: more are asked for.
    """
    if arguments.dimensions is not None and arguments.dimensions > n_embd:
        raise unsupported(
            "dimensions",
            f"dimensions is {arguments.dimensions!r}, but embeddings of {model!r} have {n_embd} "
            "numbers; ask for as many or fewer",
        )


def shortened(vectors: Any, dimensions: int | None) -> Any:
    """The first numbers of embeddings, each made a vector of length 1 again.

    That is what OpenAI's `dimensions` means. How much of the meaning stays depends on how the model
    was trained (Matryoshka representations keep most of it), which its file does not say.

    :param vectors: (n, n_embd) numpy float32; not changed.
    :param dimensions: how many numbers to keep, 1 to n_embd; None and n_embd change nothing.

    Source: https://platform.openai.com/docs/guides/embeddings, "Reducing embedding dimensions".
    """
    if dimensions in (None, vectors.shape[1]):
        return vectors
    cut = vectors[:, :dimensions]
    lengths = (cut * cut).sum(axis=1, keepdims=True) ** 0.5
    return cut / lengths.clip(min=1e-12)  # a vector of zeros stays one


def embeddings_response(
    model: str, vectors: Sequence[Any], n_tokens: int, encoding: EncodingFormat
) -> dict[str, Any]:
    """The answer.

    :param vectors: (n,) rows of float32 numpy arrays.
    :param n_tokens: tokens of all inputs together.
    """
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": i, "embedding": _encoded(vector, encoding)}
            for i, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
    }


def joined_responses(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer to a call from the answers to its parts.

    :param parts: at least one, in order.
    """
    data = [one for part in parts for one in part["data"]]
    n_tokens = sum(part["usage"]["prompt_tokens"] for part in parts)
    return {
        **parts[0],
        "data": [{**one, "index": i} for i, one in enumerate(data)],
        "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
    }


def _encoded(vector: Any, encoding: EncodingFormat) -> list[float] | str:
    if encoding == "float":
        numbers: list[float] = vector.tolist()
        return numbers
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
