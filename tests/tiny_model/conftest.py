"""What the tiny model's tests share: the shipped files, and just enough of llama.cpp."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
import pytest

from local_llm_kit.engines.llama_cpp.library import take_log

llama_cpp = pytest.importorskip("llama_cpp")

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "local_llm_kit" / "models" / "tiny"


class Native:
    """A GGUF file under plain attention and a float32 cache, so that only the weights differ."""

    def __init__(self, path: Path, n_ctx: int = 1024) -> None:
        take_log()
        self.model = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = n_ctx
        params.n_threads = params.n_threads_batch = 1
        params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.n_vocab = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.batch = llama_cpp.llama_batch_init(n_ctx, 0, 1)

    def close(self) -> None:
        """Give the memory back."""
        llama_cpp.llama_batch_free(self.batch)
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def tokenize(self, text: str) -> list[int]:
        """Give the token ids of a text, special tokens recognised."""
        data = text.encode()
        buffer = (llama_cpp.llama_token * (len(data) + 8))()
        n = llama_cpp.llama_tokenize(self.vocab, data, len(data), buffer, len(buffer), False, True)
        return list(buffer[:n])

    def decode(self, ids: list[int], first_position: int = 0) -> npt.NDArray[np.float32]:
        """Run tokens and give their logits, (len(ids), n_vocab) float32."""
        batch = self.batch
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, first_position + i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, 1
        assert llama_cpp.llama_decode(self.context, batch) == 0
        logits = llama_cpp.llama_get_logits(self.context)
        return np.ctypeslib.as_array(logits, shape=(len(ids), self.n_vocab)).copy()

    def clear(self) -> None:
        """Forget all that was decoded."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)

    def logits(self, ids: list[int]) -> npt.NDArray[np.float32]:
        """Give the logits at every position of a fresh sequence."""
        self.clear()
        return self.decode(ids)

    def piece(self, token: int) -> bytes:
        """Give the bytes of a token."""
        buffer = ctypes.create_string_buffer(256)
        n = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, True)
        return bytes(buffer.raw[:n])

    def complete(self, prompt: str, max_tokens: int = 300) -> str:
        """Continue a prompt greedily until an end-of-generation token."""
        self.clear()
        ids = self.tokenize(prompt)
        row, position, out = self.decode(ids)[-1], len(ids), b""
        for _ in range(max_tokens):
            token = int(row.argmax())
            if llama_cpp.llama_vocab_is_eog(self.vocab, token):
                break
            out += self.piece(token)
            row, position = self.decode([token], position)[0], position + 1
        return out.decode()


def to_json(value: object) -> str:
    """Write JSON as transformers' template filter does: characters as they are, keys in order."""
    return json.dumps(value, ensure_ascii=False)


class Tiny(Native):
    """The shipped GGUF as a chat model."""

    def __init__(self) -> None:
        super().__init__(TINY / "tiny.gguf")
        template = llama_cpp.llama_model_chat_template(self.model, None).decode()
        env = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
        env.filters["tojson"] = to_json
        self.template = env.from_string(template)

    def render(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None
    ) -> str:
        """Write a chat as a prompt."""
        return self.template.render(messages=messages, tools=tools, add_generation_prompt=True)

    def chat(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None
    ) -> str:
        """Answer a chat greedily."""
        return self.complete(self.render(messages, tools))

    def ask(self, question: str, system: str = "") -> str:
        """Answer one question greedily."""
        head = [{"role": "system", "content": system}] if system else []
        return self.chat([*head, {"role": "user", "content": question}])


@pytest.fixture(scope="session")
def tiny() -> Iterator[Tiny]:
    """The shipped model, loaded once."""
    model = Tiny()
    yield model
    model.close()
