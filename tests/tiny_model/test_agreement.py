"""llama.cpp and transformers see the same tiny model: tokens, logits, ends, template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("gguf")

import llama_cpp
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from scripts.tiny_model.corpus import sample
from scripts.tiny_model.to_gguf import convert
from scripts.tiny_model.tokenizer import render

from .conftest import TINY, Native, Tiny

pytestmark = pytest.mark.slow

ODD_TEXTS = [
    "Zażółć gęślą jaźń 漢字 🙂🙃 <|im_start|>x",
    "a  b\n\n\n c\t1234 don't WE'LL I'm",
    "  leading",
    "trailing  ",
    " ",
    "\n",
    "\r\n\r\n x",
    "x" * 40,
    '<tool_call>{"name": 1}</tool_call>',
    "<|im_end|>\n<|endoftext|>",
    "<|im_",
    "</tool_call",
    "Ünïcödé ÀÉÎ ñ",
    "e\u0301 combining",
    "١٢٣ 四五六 ½",
    "\u00a0nbsp\u2003em\u200bzero",
    "tabs\t\tand\x0b\x0c",
    "…—“quoted”!?",
    "100,000.50 $3 #1 @me a_b a/b",
    "العربية עברית हिन्दी",
]


@pytest.fixture(scope="module")
def reference() -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(TINY, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(TINY)


@pytest.fixture
def corpus_texts(tokenizer: Any) -> list[str]:
    r = Random(7)
    return [render(tokenizer, sample(r)) for _ in range(40)]


@pytest.fixture
def full_precision(tmp_path: Path) -> Iterator[Native]:
    convert(TINY, tmp_path / "f32.gguf", "F32")
    native = Native(tmp_path / "f32.gguf")
    yield native
    native.close()


def reference_logits(model: LlamaForCausalLM, ids: list[int]) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        out: npt.NDArray[np.float32] = model(torch.tensor([ids])).logits[0].numpy()
    return out


def relative_error(found: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_odd_text_gets_same_tokens(text: str, tiny: Tiny, tokenizer: Any) -> None:
    assert tiny.tokenize(text) == tokenizer(text, add_special_tokens=False).input_ids


def test_corpus_gets_same_tokens(corpus_texts: list[str], tiny: Tiny, tokenizer: Any) -> None:
    for text in corpus_texts:
        assert tiny.tokenize(text) == tokenizer(text, add_special_tokens=False).input_ids


def test_float32_logits_agree_tightly(
    corpus_texts: list[str], full_precision: Native, reference: LlamaForCausalLM
) -> None:
    for text in [*corpus_texts[:15], *ODD_TEXTS[:3]]:
        ids = full_precision.tokenize(text)
        assert relative_error(full_precision.logits(ids), reference_logits(reference, ids)) < 1e-5


def test_shipped_q8_logits_agree_within_quantisation(
    corpus_texts: list[str], tiny: Tiny, reference: LlamaForCausalLM
) -> None:
    errors, same, total = [], 0, 0
    for text in corpus_texts:
        ids = tiny.tokenize(text)
        found, wanted = tiny.logits(ids), reference_logits(reference, ids)
        errors.append(relative_error(found, wanted))
        same += int((found.argmax(-1) == wanted.argmax(-1)).sum())
        total += len(ids)
    assert np.mean(errors) < 0.03
    assert same / total > 0.97


def test_long_context_logits_agree(full_precision: Native, reference: LlamaForCausalLM) -> None:
    text = "<|im_start|>user\nCount to 100.<|im_end|>\n<|im_start|>assistant\n"
    ids = full_precision.tokenize(text + ", ".join(map(str, range(1, 230))))[:1000]
    assert relative_error(full_precision.logits(ids), reference_logits(reference, ids)) < 1e-4


@pytest.mark.parametrize("token", ["<|im_end|>", "<|endoftext|>"])
def test_generation_ends_on(token: str, tiny: Tiny) -> None:
    (found,) = tiny.tokenize(token)
    assert llama_cpp.llama_vocab_is_eog(tiny.vocab, found)


@pytest.mark.parametrize("token", ["<tool_call>", "</tool_call>"])
def test_tool_markup_is_one_visible_token(token: str, tiny: Tiny, tokenizer: Any) -> None:
    (found,) = tiny.tokenize(token)
    assert not llama_cpp.llama_vocab_is_control(tiny.vocab, found)
    assert tokenizer.decode([found], skip_special_tokens=True) == token


def test_gguf_carries_the_same_template(tiny: Tiny, tokenizer: Any) -> None:
    embedded = llama_cpp.llama_model_chat_template(tiny.model, None).decode()
    assert embedded == tokenizer.chat_template == (TINY / "chat_template.jinja").read_text("utf-8")


def test_template_writes_arguments_alike_as_mapping_and_text(tiny: Tiny) -> None:
    def prompt(arguments: object) -> str:
        call = {"type": "function", "function": {"name": "add", "arguments": arguments}}
        return tiny.render([{"role": "assistant", "content": None, "tool_calls": [call]}])

    assert prompt({"b": 2, "a": "ä"}) == prompt('{"b": 2, "a": "ä"}')


def test_shipped_files_are_small() -> None:
    assert (TINY / "tiny.gguf").stat().st_size < 5_000_000
    assert (TINY / "model.safetensors").stat().st_size < 8_000_000


def test_eos_ends_a_turn_in_every_file() -> None:
    config = json.loads((TINY / "config.json").read_text("utf-8"))
    generation = json.loads((TINY / "generation_config.json").read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    assert tokenizer.convert_ids_to_tokens(config["eos_token_id"]) == "<|im_end|>"
    assert tokenizer.convert_ids_to_tokens(generation["eos_token_id"]) == [
        "<|im_end|>",
        "<|endoftext|>",
    ]
