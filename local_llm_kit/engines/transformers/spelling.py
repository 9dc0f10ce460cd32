"""The bytes of each token, read from what a tokenizer's file says about decoding.

A decoder turns a whole list of tokens into text; streaming needs each token's own part of it, and
that as bytes, since a token may end within a character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def spell(
    tokens: Sequence[str | None],
    decoder: Mapping[str, Any] | None,
    decode: Callable[[list[int]], str],
) -> list[bytes]:
    """The bytes of each token's text.

    :param tokens: as the vocabulary writes them; None where an id has no token.
    :param decoder: the part of that name in ``tokenizer.json``.
    :param decode: text of a list of token ids, for decoders that are not known here.
    """
    steps = list(_steps(decoder or {}))
    kinds = {step.get("type") for step in steps}
    if "ByteLevel" in kinds:
        return [b"" if token is None else _byte_level(token) for token in tokens]
    if kinds & {"ByteFallback", "Metaspace"}:
        replaced = list(_replacements(steps))
        fallback = "ByteFallback" in kinds
        return [b"" if token is None else _plain(token, replaced, fallback) for token in tokens]
    return _by_decoding(tokens, decode)


def _steps(decoder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if decoder.get("type") == "Sequence":
        for step in decoder["decoders"]:
            yield from _steps(step)
    else:
        yield decoder


@cache
def _bytes_of_characters() -> dict[str, int]:
    """The characters that stand for bytes in byte-level vocabularies.

    Printable Latin-1 stands for itself; the other 68 bytes are the characters from U+0100 on.
    Source: the vocabulary of GPT-2 (Radford et al., 2019).
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + i): byte for i, byte in enumerate(others)}


def _byte_level(token: str) -> bytes:
    table = _bytes_of_characters()
    try:
        return bytes([table[character] for character in token])
    except KeyError:  # a token that was added as text
        return token.encode()


def _replacements(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for step in steps:
        if step.get("type") == "Metaspace":
            yield step.get("replacement", "▁"), " "
        elif step.get("type") == "Replace" and isinstance(step["pattern"].get("String"), str):
            yield step["pattern"]["String"], step["content"]


def _plain(token: str, replaced: Sequence[tuple[str, str]], fallback: bool) -> bytes:
    byte = _BYTE.fullmatch(token) if fallback else None
    if byte:
        return bytes([int(byte[1], 16)])
    for old, new in replaced:
        token = token.replace(old, new)
    return token.encode()


def _by_decoding(tokens: Sequence[str | None], decode: Callable[[list[int]], str]) -> list[bytes]:
    """What each token adds behind another one, which keeps its leading space."""
    anchor = [i for i, token in enumerate(tokens) if token and token.isalnum()][:1]
    start = len(decode(anchor))
    return [
        b"" if token is None else decode([*anchor, i])[start:].encode()
        for i, token in enumerate(tokens)
    ]
