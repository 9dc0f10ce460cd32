"""Weights and vocabulary of a GGUF file."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any

from LLM.exceptions import InvalidRequestError, LLMConfigError, LLMServerError
from local_llm_kit.engines.llama_cpp.library import library, take_log
from local_llm_kit.name_pattern import name_pattern

_MEAN = 1  # llama_pooling_type
_ASKED_EVERY = 4096  # tokens
#: Control tokens in a part of a text that is tokenised part by part.
_PART_NAMES = 256


class Model:
    """Weights and vocabulary.

    :param path: a GGUF file, already checked by `local_llm_kit.gguf`.
    :param n_gpu_layers: layers to hold on the GPU; None leaves it to the library.
    :param mmap: map the file, see `LlamaCppOptions.mmap`.
    :param on_load: see `LlamaCppOptions.on_load`.
    :raises InvalidRequestError: llama.cpp cannot load it.
    :raises LLMServerError: `on_load` said no.
    """

    def __init__(
        self,
        path: str,
        n_gpu_layers: int | None = None,
        *,
        mmap: bool = True,
        on_load: Callable[[float], bool] | None = None,
    ) -> None:
        self._lib = llama = library()
        take_log()
        params = llama.llama_model_default_params()
        if not mmap:
            params.load_mode = llama.LLAMA_LOAD_MODE_NONE
        if n_gpu_layers is not None:
            params.n_gpu_layers = n_gpu_layers
        asked = _Asked(path, on_load)
        if on_load is not None:
            params.progress_callback = llama.llama_progress_callback(asked)  # held by params
        self.pointer = llama.llama_model_load_from_file(os.fsencode(path), params)
        if asked.error is not None and not self.pointer:
            raise asked.error
        if not self.pointer:
            raise InvalidRequestError(
                f"llama.cpp cannot load {path!r}: an architecture that it does not know, or a "
                "damaged file; log level DEBUG of 'local_llm_kit.llama_cpp' shows its reason",
                code="model_not_loadable",
            )
        self.vocab = llama.llama_model_get_vocab(self.pointer)
        try:
            self._read_facts(asked)
        except BaseException:
            self.free()
            raise

    def _read_facts(self, asked: _Asked) -> None:
        """Read what is asked for often; the vocabulary takes seconds where it is large."""
        llama = self._lib
        self.n_vocab = int(llama.llama_vocab_n_tokens(self.vocab))
        self.n_ctx_train = int(llama.llama_model_n_ctx_train(self.pointer))
        self.n_params = int(llama.llama_model_n_params(self.pointer))
        self.size_bytes = int(llama.llama_model_size(self.pointer))
        self.pieces = self._read_pieces(asked)
        self.longest_piece = max(map(len, self.pieces), default=1) or 1
        self.ends = [
            bool(llama.llama_vocab_is_eog(self.vocab, token)) for token in self._tokens(asked)
        ]
        self.control_names = [self._control_name(token) for token in self._tokens(asked)]
        self._closes_texts = bool(
            llama.llama_vocab_get_add_eos(self.vocab) or llama.llama_vocab_get_add_sep(self.vocab)
        )
        self.eos_token_id = self._eos()

    def _tokens(self, asked: _Asked) -> Iterator[int]:
        """All token ids, for as long as the model is wanted."""
        for token in range(self.n_vocab):
            if token % _ASKED_EVERY == 0:
                asked.check()
            yield token

    def _read_pieces(self, asked: _Asked) -> list[bytes]:
        """Bytes of each token's text; control tokens have none."""
        # One buffer for all: a new one for each took longer than llama.cpp did.
        to_piece, vocab, size = self._lib.llama_token_to_piece, self.vocab, 256
        buffer = ctypes.create_string_buffer(size)
        pieces = []
        for token in self._tokens(asked):
            while (n := to_piece(vocab, token, buffer, size, 0, False)) < 0:
                size = -n
                buffer = ctypes.create_string_buffer(size)
            pieces.append(buffer.raw[:n])
        return pieces

    @property
    def chat_template(self) -> str | None:
        """Jinja source of the model's chat template."""
        source = self._lib.llama_model_chat_template(self.pointer, None)
        return source.decode("utf-8", "replace") if source else None

    @property
    def can_share(self) -> bool:
        """Whether part of a sequence's memory can be kept or copied: not with recurrent layers."""
        lib, pointer = self._lib, self.pointer
        return not (lib.llama_model_is_recurrent(pointer) or lib.llama_model_is_hybrid(pointer))

    @property
    def kv_cell_numbers(self) -> int:
        """Numbers of cache that one token of one sequence takes: its keys and its values."""
        lib = self._lib
        width = self.n_embd // max(lib.llama_model_n_head(self.pointer), 1)
        heads = lib.llama_model_n_head_kv(self.pointer)
        return int(2 * self.n_layer * heads * width)

    @property
    def n_layer(self) -> int:
        """Layers."""
        return int(self._lib.llama_model_n_layer(self.pointer))

    @property
    def n_embd(self) -> int:
        """Numbers of a hidden state."""
        return int(self._lib.llama_model_n_embd(self.pointer))

    @property
    def pooling(self) -> int:
        """How tokens' vectors make a text's, as llama.cpp numbers it; their mean if unsaid."""
        value = self._meta(f"{self._meta('general.architecture')}.pooling_type")
        return int(value) if value.isdigit() and int(value) > 0 else _MEAN

    @property
    def is_causal(self) -> bool:
        """Whether a token sees only those before it."""
        return self._meta(f"{self._meta('general.architecture')}.attention.causal") != "false"

    def _meta(self, key: str) -> str:
        """A value of the file's metadata as text; empty when it is not there."""
        buffer = ctypes.create_string_buffer(256)
        n = self._lib.llama_model_meta_val_str(self.pointer, key.encode(), buffer, len(buffer))
        return "" if n < 0 else buffer.value.decode("utf-8", "replace")

    def special_text(self, name: str) -> str:
        """Text of the token ``bos`` or ``eos``; empty when the model's file names none.

        llama.cpp itself falls back to token 11 of a byte-level vocabulary, an apostrophe.
        """
        if not self._meta(f"tokenizer.ggml.{name}_token_id"):
            return ""
        token = getattr(self._lib, f"llama_vocab_{name}")(self.vocab)
        if token < 0:
            return ""
        text: bytes = self._lib.llama_vocab_get_text(self.vocab, token)
        return text.decode("utf-8", "replace")

    def _control_name(self, token: int) -> str:
        """Text of a token that steers the model and is not meant to be said; else empty."""
        if not self._lib.llama_vocab_is_control(self.vocab, token):
            return ""
        text: bytes | None = self._lib.llama_vocab_get_text(self.vocab, token)
        return (text or b"").decode("utf-8", "replace")

    def _eos(self) -> int:
        """The token that ends an answer: a chat model's end of turn before its end of text."""
        lib = self._lib
        for token in (lib.llama_vocab_eot(self.vocab), lib.llama_vocab_eos(self.vocab)):
            if 0 <= token < self.n_vocab and self.ends[token]:
                return int(token)
        return self.ends.index(True) if True in self.ends else -1

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`; safe beside a running decode, the vocabulary is read only."""
        # What closes a text is wanted once, at its end.
        closes = add_special and self._closes_texts
        parts = self._parts(text) if parse_special and not closes else [text]
        tokens = self._tokenize(parts[0], add_special, parse_special)
        for part in parts[1:]:
            tokens += self._tokenize(part, False, parse_special)
        return tokens

    @cached_property
    def _control(self) -> re.Pattern[str] | None:
        return name_pattern(self.control_names)

    def _parts(self, text: str) -> list[str]:
        """The text, cut before some control tokens: llama.cpp's time is the square of their number.

        80,000 of them take minutes in one piece, half a second in parts.
        """
        if self._control is None or len(text) < _PART_NAMES:
            return [text]
        starts = [found.start() for found in self._control.finditer(text)][_PART_NAMES::_PART_NAMES]
        return [text[begin:end] for begin, end in pairwise([0, *starts, len(text)])]

    def _tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        data = text.encode()
        size = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * size)()
            n = self._lib.llama_tokenize(
                self.vocab, data, len(data), buffer, size, add_special, parse_special
            )
            if n >= 0:
                return list(buffer[:n])
            if -n <= size:
                raise LLMServerError(f"llama.cpp cannot tokenise {len(data)} bytes: code {n}")
            size = -n

    def load_adapter(self, name: str, path: str) -> Any:
        """A LoRA adapter for this model, given back with it.

        :raises LLMConfigError: llama.cpp cannot load it, or it is for another model.
        """
        pointer = self._lib.llama_adapter_lora_init(self.pointer, os.fsencode(path))
        if not pointer:
            raise LLMConfigError(
                f"llama.cpp cannot load the adapter {name!r} from {path!r}: it must be a GGUF "
                "file of a LoRA made for this very model"
            )
        return pointer

    def free(self) -> None:
        """Give the weights back, and their adapters with them."""
        self._lib.llama_model_free(self.pointer)


class _Asked:
    """`on_load` as C may call it: what it raises is kept, since C drops it, and stops the load."""

    def __init__(self, path: str, on_load: Callable[[float], bool] | None) -> None:
        self._path = path
        self._on_load = on_load
        self.error: BaseException | None = None

    def __call__(self, fraction: float, _data: Any) -> bool:
        if self.error is not None or self._on_load is None:
            return self.error is None
        try:
            if not self._on_load(fraction):
                self.error = LLMServerError(
                    f"the loading of {self._path!r} was stopped", code="load_stopped"
                )
        except BaseException as err:  # noqa: BLE001 - raised again outside of C
            self.error = err
        return self.error is None

    def check(self) -> None:
        """Raise what stopped the loading, if anything has, or does now that all is read."""
        if not self(1.0, None) and self.error is not None:
            raise self.error
