"""The tiny model's tokenizer, filled up to any size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TINY = Path(__file__).resolve().parents[2] / "local_llm_kit" / "models" / "tiny"

_AS_THEY_ARE = ("tokenizer_config.json", "generation_config.json", "chat_template.jinja")


def filled_tokenizer(size: int) -> dict[str, Any]:
    """What ``tokenizer.json`` holds, with a made-up word for each id that tiny has no token for.

    No merge leads to those words, so texts are tokenised as for tiny; only the model writes them.

    :param size: tokens in all.
    """
    data: dict[str, Any] = json.loads((TINY / "tokenizer.json").read_text("utf-8"))
    vocab = data["model"]["vocab"]
    used = {*vocab.values(), *(token["id"] for token in data["added_tokens"])}
    vocab.update({f"Ġw{i}": i for i in range(size) if i not in used})
    return data


def silent_ids(tokenizer: dict[str, Any]) -> list[int]:
    """The tokens that a text should never hold: those that end it, and what is not ASCII.

    "Ġ" stands for the space; the other letters beyond ASCII stand for bytes of no printable
    character.
    """
    added = [token["id"] for token in tokenizer["added_tokens"]]
    vocab: dict[str, int] = tokenizer["model"]["vocab"]
    strange = [i for text, i in vocab.items() if not text.replace("Ġ", " ").isascii()]
    return sorted({*added, *strange})


def save_tokenizer(tokenizer: dict[str, Any], folder: Path) -> None:
    """Write the tokenizer's files."""
    text = json.dumps(tokenizer, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    for name in _AS_THEY_ARE:
        (folder / name).write_bytes((TINY / name).read_bytes())
