"""Embeddings: the arguments of a call, checked, and its answer in OpenAI's shape.

Source: https://platform.openai.com/docs/api-reference/embeddings.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from local_llm_kit.arguments import HARMLESS, MAX_TOKENS, check_text, invalid

#: Most inputs of one call; OpenAI's own bound.
MAX_INPUTS = 2048

#: Inputs between which a deadline is looked at.
_PART = 16

EncodingFormat = Literal["float", "base64"]


@dataclass(frozen=True, slots=True)
class EmbeddingArguments:
    """What to embed.

    :param model: the model asked for; None means whichever there is.
    :param inputs: texts, or lists of token ids; 1 to 2,048, none empty.
    :param dimensions: length of an embedding that is asked for; None takes the model's own.
    :param encoding_format: numbers, or the base64 of little-endian float32.
    """

    model: str | None
    inputs: tuple[str | list[int], ...]
    dimensions: int | None
    encoding_format: EncodingFormat

    def parts(self) -> Iterator[EmbeddingArguments]:
        """The same call, some inputs at a time."""
        for start in range(0, len(self.inputs), _PART):
            yield replace(self, inputs=self.inputs[start : start + _PART])


def parse_embeddings(body: Mapping[str, Any]) -> EmbeddingArguments:
    """Check the arguments of an embeddings call.

    :raises InvalidRequestError: names the argument.
    """
    left = {name: value for name, value in body.items() if value is not None}
    model = left.pop("model", None)
    if model is not None and not isinstance(model, str):
        raise invalid("model", "model must be text")
    arguments = EmbeddingArguments(
        model,
        _inputs(left.pop("input", None)),
        _dimensions(left.pop("dimensions", None)),
        _encoding(left.pop("encoding_format", "float")),
    )
    unknown = sorted(left.keys() - HARMLESS)
    if unknown:
        raise invalid(unknown[0], f"unknown argument {unknown[0][:80]!r}", "unknown_parameter")
    return arguments


def _inputs(value: Any) -> tuple[str | list[int], ...]:
    if isinstance(value, str) or (isinstance(value, list) and value and _is_token(value[0])):
        value = [value]
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= MAX_INPUTS:
        raise invalid("input", f"input must be a text, or a list of 1 to {MAX_INPUTS:,} of them")
    for i, one in enumerate(value):
        if isinstance(one, str) and one:
            check_text(f"input[{i}]", one)
        elif not (isinstance(one, list) and one and all(map(_is_token, one))):
            raise invalid("input", f"input[{i}] must be a text or a list of token ids, not empty")
    return tuple(value)


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS


def _dimensions(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise invalid("dimensions", "dimensions must be a whole number of at least 1")
    return value


def _encoding(value: Any) -> EncodingFormat:
    if value == "float":
        return "float"
    if value == "base64":
        return "base64"
    raise invalid("encoding_format", "encoding_format must be 'float' or 'base64'")


def check_dimensions(arguments: EmbeddingArguments, model: str, n_embd: int) -> None:
    """Refuse another length than the model's own.

    The first numbers of an embedding are one only for models trained so, and files do not say.

    :raises InvalidRequestError: another length is asked for.
    """
    if arguments.dimensions not in (None, n_embd):
        raise invalid(
            "dimensions",
            f"dimensions is {arguments.dimensions!r}, but embeddings of {model!r} have {n_embd} "
            "numbers; leave dimensions out",
            "unsupported_parameter",
        )


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
