"""The vocabulary of a folder: bytes of tokens, control tokens, ends, what stands before a text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from LLM import InvalidRequestError
from local_llm_kit.checkpoint import check_folder
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.transformers.spelling import spell
from local_llm_kit.engines.transformers.vocabulary import FolderVocabulary
from local_llm_kit.folder_template import find_chat_template
from tests.local.torch_models import TINY

TEXTS = ["Hello, world!", " two  spaces ", "Zażółć gęślą 漢字 🙂", "tabs\tand\nlines", "a1b2"]


def copy_tiny(folder: Path, **files: Any) -> Path:
    """The bundled model's folder, with settings of some of its files changed."""
    folder.mkdir(exist_ok=True)
    for path in TINY.glob("*.*"):
        if path.suffix != ".gguf":
            shutil.copy(path, folder / path.name)
    for name, content in files.items():
        path = folder / f"{name}.json"
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        path.write_text(json.dumps(known | content), "utf-8")
    return folder


def load(folder: Path, n_vocab: int = 1024) -> FolderVocabulary:
    return FolderVocabulary(check_folder(folder), n_vocab)


def sentencepiece_like() -> Tokenizer:
    """Spaces as ▁ and unknown characters as bytes, as Llama 2 and Mistral have it."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256))]
    words += [*"▁Helo,wrdabt12spcin!", "▁w", "He", "ll"]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    merges = [("▁", "w"), ("H", "e"), ("l", "l")]
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


def word_piece() -> Tokenizer:
    words = ["[UNK]", "[SEP]", "hello", "world", "##ing", "##s", "play", ",", "!"]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return tokenizer


def folder_of(tokenizer: Tokenizer, folder: Path, eos: str) -> Path:
    copy_tiny(folder)
    (folder / "generation_config.json").unlink()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "TokenizersBackend", "backend": "tokenizers", "eos_token": eos}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return folder


def test_both_engines_see_the_same_tokens(engine: LlamaCppEngine) -> None:
    ours, theirs = load(TINY), engine.vocabulary
    assert ours.pieces == theirs.pieces
    assert ours.ends == theirs.ends
    assert ours.control_names == theirs.control_names
    assert ours.eos_token_id == theirs.eos_token_id


@pytest.mark.parametrize("parse", [True, False], ids=["read", "spelled"])
@pytest.mark.parametrize("text", [*TEXTS, "<|im_start|>user<tool_call>"], ids=ascii)
def test_both_engines_tokenise_alike(engine: LlamaCppEngine, text: str, parse: bool) -> None:
    found = load(TINY).tokenize(text, add_special=True, parse_special=parse)
    assert found == engine.tokenize(text, add_special=True, parse_special=parse)


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_pieces_of_a_byte_level_text_join_to_it(text: str) -> None:
    vocabulary = load(TINY)
    ids = vocabulary.tokenize(text, add_special=False, parse_special=False)
    assert b"".join(vocabulary.pieces[i] for i in ids).decode() == text


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_pieces_of_a_sentencepiece_text_join_to_it(text: str, tmp_path: Path) -> None:
    tokenizer = sentencepiece_like()
    vocabulary = load(folder_of(tokenizer, tmp_path, "</s>"))
    ids = vocabulary.tokenize(text, add_special=False, parse_special=False)
    joined = b"".join(vocabulary.pieces[i] for i in ids).decode()
    assert joined == " " + text == " " + tokenizer.decode(ids)


def test_pieces_of_other_tokenizers_are_what_they_add_behind_another(tmp_path: Path) -> None:
    vocabulary = load(folder_of(word_piece(), tmp_path, "[SEP]"))
    ids = vocabulary.tokenize("hello worlds, playing!", add_special=False, parse_special=False)
    joined = b"".join(vocabulary.pieces[i] for i in ids).decode()
    assert joined == " hello worlds , playing !"


def test_metaspace_tokens_begin_with_a_space() -> None:
    decoder = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
    assert spell(["▁the", "re", None], decoder, lambda ids: "") == [b" the", b"re", b""]


def test_a_text_begins_with_bos_and_does_not_end_with_eos(tmp_path: Path) -> None:
    vocabulary = load(folder_of(sentencepiece_like(), tmp_path, "</s>"))
    with_bos = vocabulary.tokenize("a", add_special=True, parse_special=False)
    assert with_bos == [1, *vocabulary.tokenize("a", add_special=False, parse_special=False)]


def test_control_tokens_have_names_and_no_bytes(tmp_path: Path) -> None:
    vocabulary = load(folder_of(sentencepiece_like(), tmp_path, "</s>"))
    assert vocabulary.control_names[:4] == ["<unk>", "<s>", "</s>", ""]
    assert vocabulary.pieces[:4] == [b"", b"", b"", b"\x00"]


def test_rows_of_the_output_without_a_token_have_no_bytes() -> None:
    vocabulary = load(TINY, n_vocab=1100)
    assert len(vocabulary.pieces) == len(vocabulary.ends) == len(vocabulary.control_names) == 1100
    assert not any(vocabulary.pieces[1024:])


@pytest.mark.parametrize(
    ("generation", "extra"),
    [({"eos_token_id": [2, 77]}, {77}), ({"eos_token_id": 99}, {99}), ({}, set())],
    ids=["list", "one", "none"],
)
def test_every_named_end_and_the_known_turn_ends_count(
    generation: Any, extra: set[int], tmp_path: Path
) -> None:
    copy_tiny(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps(generation), "utf-8")
    vocabulary = load(tmp_path)
    assert {i for i, ends in enumerate(vocabulary.ends) if ends} == {0, 2} | extra


def test_a_vocabulary_that_nothing_ends_is_refused(tmp_path: Path) -> None:
    copy_tiny(tmp_path, config={"eos_token_id": None})
    (tmp_path / "generation_config.json").unlink()
    (tmp_path / "tokenizer_config.json").write_text("{}", "utf-8")
    with pytest.raises(InvalidRequestError, match="name a token that ends a text"):
        load(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    copy_tiny(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(InvalidRequestError, match="tokenizer cannot be loaded"):
        load(tmp_path)


def test_tokens_that_were_added_as_text_keep_it() -> None:
    assert spell(["Ġzaż", "zażółć"], {"type": "ByteLevel"}, lambda ids: "") == [
        "Ġzaż".encode(),
        "zażółć".encode(),
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("plain", "plain"),
        ([{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}], "d"),
        ([{"name": "rag", "template": "r"}, {"name": "tool_use", "template": "t"}], "t"),
        (None, None),
    ],
    ids=["text", "default first", "tool use", "none"],
)
def test_the_template_is_taken_from_the_tokenizers_settings(
    found: Any, expected: str | None, tmp_path: Path
) -> None:
    settings = json.dumps({"chat_template": found})
    (tmp_path / "tokenizer_config.json").write_text(settings, "utf-8")
    assert find_chat_template(tmp_path) == expected


def test_a_templates_own_file_wins(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "x"}', "utf-8")
    (tmp_path / "chat_template.jinja").write_text("own ä", "utf-8")
    assert find_chat_template(tmp_path) == "own ä"


@pytest.mark.parametrize("found", ["[]", "7", '[{"name": "rag", "template": "r"}]', "["])
def test_a_template_that_cannot_be_used_is_a_typed_error(found: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": ' + found + "}", "utf-8")
    with pytest.raises(InvalidRequestError, match="chat template of"):
        find_chat_template(tmp_path)


def test_a_vocabulary_without_a_word_is_spelled_token_by_token() -> None:
    tokens = ["?", None, "!"]
    decoded = lambda ids: "".join(tokens[i] or "" for i in ids)  # noqa: E731  # what a tokenizer has
    assert spell(tokens, {"type": "Unknown"}, decoded) == [b"?", b"", b"!"]
