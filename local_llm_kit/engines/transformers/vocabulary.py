"""A checkpoint's tokens: tokenising on any thread, the bytes of each, and which end an answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from LLM.exceptions import InvalidRequestError
from local_llm_kit import strict_json
from local_llm_kit.checkpoint import Checkpoint
from local_llm_kit.engines.transformers.spelling import spell

#: Control tokens that end a turn in well-known chat templates, for checkpoints whose settings name
#: only the token that ends a document.
_TURN_ENDS = frozenset(
    (
        "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|end_of_text|>", "<|endoftext|>",
        "<end_of_turn>", "<|return|>", "<|call|>",
    )
)  # fmt: skip
_MAX_CONFIG_BYTES = 4 << 20


class FolderVocabulary:
    """The vocabulary of a model's folder; see `compute.Vocabulary`.

    :param checkpoint: already checked.
    :param n_vocab: rows of the model's output; may be more than the tokens that have a text.
    :param trust_remote_code: run a tokenizer's code that came with the model.
    :raises InvalidRequestError: there is no tokenizer of the library tokenizers, or nothing that
        ends an answer.
    """

    def __init__(
        self, checkpoint: Checkpoint, n_vocab: int, *, trust_remote_code: bool = False
    ) -> None:
        self._folder = str(checkpoint.folder)
        self.n_vocab = n_vocab
        tokenizer = self._load(trust_remote_code)
        backend = tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        # Two of them: whether control tokens are read is a setting, and threads share these.
        self._parsing: Any = backend
        self._plain: Any = Tokenizer.from_str(backend.to_str())
        self._plain.encode_special_tokens = True
        with_special = backend.encode("a", add_special_tokens=True)
        n_before = with_special.special_tokens_mask.index(0) if len(with_special) else 0
        self._prefix: list[int] = with_special.ids[:n_before]
        self._spell(backend)
        self._find_ends(checkpoint, tokenizer)
        self.bos_token: str = tokenizer.bos_token or ""

    def _load(self, trust_remote_code: bool) -> Any:
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=trust_remote_code
            )
        # The libraries raise whatever their parsers do.
        except Exception as err:  # noqa: BLE001
            self._fail(f"its tokenizer cannot be loaded ({err})", err)
        if not isinstance(getattr(tokenizer, "backend_tokenizer", None), Tokenizer):
            self._fail("its tokenizer is none of the library tokenizers; it needs tokenizer.json")
        return tokenizer

    def _fail(self, what: str, err: BaseException | None = None) -> NoReturn:
        raise InvalidRequestError(
            f"{self._folder!r} is not a model that can be loaded: {what}", code="invalid_checkpoint"
        ) from err

    def _spell(self, backend: Any) -> None:
        tokens = [backend.id_to_token(i) for i in range(self.n_vocab)]
        decoder = json.loads(backend.to_str()).get("decoder")
        self.pieces = spell(
            tokens, decoder, lambda ids: str(backend.decode(ids, skip_special_tokens=False))
        )
        self.control_names = [""] * self.n_vocab
        for token, added in backend.get_added_tokens_decoder().items():
            if token >= self.n_vocab:
                continue
            self.pieces[token] = b"" if added.special else added.content.encode()
            if added.special:
                self.control_names[token] = added.content

    def _find_ends(self, checkpoint: Checkpoint, tokenizer: Any) -> None:
        ends = [tokenizer.eos_token_id, *_listed(checkpoint.config.get("eos_token_id"))]
        ends += _listed(self._generation_config(checkpoint).get("eos_token_id"))
        known = [i for i in ends if type(i) is int and 0 <= i < self.n_vocab]
        if not known:
            self._fail("neither its settings nor its tokenizer name a token that ends a text")
        self.eos_token_id = known[0]
        self.eos_token = str(tokenizer.convert_ids_to_tokens(known[0]) or "")
        self.ends = [name in _TURN_ENDS for name in self.control_names]
        for token in known:
            self.ends[token] = True

    def _generation_config(self, checkpoint: Checkpoint) -> dict[str, Any]:
        path = checkpoint.folder / "generation_config.json"
        try:
            return strict_json.read(path, _MAX_CONFIG_BYTES) if path.is_file() else {}
        except (OSError, ValueError) as err:
            self._fail(f"its generation_config.json cannot be read ({err})", err)

    @property
    def longest_token_bytes(self) -> int:
        """Bytes of the longest text that becomes one token."""
        names = (name.encode() for name in self.control_names)
        return max(map(len, [*self.pieces, *names]), default=1) or 1

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`.

        :param add_special: begin with what the tokenizer puts before a text.
        :param parse_special: read the text of control tokens as those tokens.
        """
        tokenizer = self._parsing if parse_special else self._plain
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return [*self._prefix, *ids] if add_special else ids


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]
