"""Every other causal model: transformers' own modules, with our attention in their place for it.

transformers lets a function take the place of attention. The rows of all sequences go through the
modules as one row of tokens with their positions told, since nothing else in such a model mixes
tokens. No model is believed in that: `trial` tries each when it is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it
from transformers import AttentionInterface, AutoModelForCausalLM
from transformers.utils import logging

from LLM.exceptions import InvalidRequestError
from local_llm_kit.checkpoint import Checkpoint
from local_llm_kit.engines.transformers.attention import Attending, Attention
from local_llm_kit.engines.transformers.cache import LayerShape
from local_llm_kit.engines.transformers.trial import (
    Unfit,
    check_kinds,
    observe,
    try_in_turns,
)

_NAME = "llm_kit"

_attention: ContextVar[Attention] = ContextVar("attention")


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    _mask: Any,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Any = None,
    position_bias: Any = None,
    **_: Any,
) -> tuple[Any, None]:
    """Take the place of transformers' attention; shapes are (1, n_heads, n_rows, width)."""
    if position_bias is not None:
        raise Unfit("its attention adds a bias of its own to the scores")
    how = Attending(
        scale=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        window=sliding_window,
        softcap=softcap,
        sinks=s_aux,
    )
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    n = v.shape[-1]
    if n < k.shape[-1]:  # keys that are longer than values: zeros are kept, and cut off again
        v = F.pad(v, (0, k.shape[-1] - n))
    out = _attention.get()(module.layer_idx, q, torch.cat((k, v), dim=1), how)
    return out[None, ..., :n], None


AttentionInterface.register(_NAME, _attend)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing on stderr, which belongs to the program that uses us."""
    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()


class GeneralNetwork:
    """A causal model of transformers, run in batches.

    :param checkpoint: already checked.
    :param config: transformers' configuration of it.
    :param dtype: type of the weights in memory.
    :param device: where they are.
    :param window: most tokens of a text.
    :param trust_remote_code: run code that came with the model.
    :raises InvalidRequestError: transformers does not know it, or it cannot be run in batches.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        config: Any,
        *,
        dtype: Any,
        device: Any,
        window: int,
        trust_remote_code: bool = False,
    ) -> None:
        self._folder = str(checkpoint.folder)
        self._kind = config.model_type
        text = config.get_text_config()
        try:
            check_kinds(text)
            self._model = self._load(config, dtype, device, trust_remote_code)
            with torch.inference_mode():
                self._try(text, window)
        except Unfit as err:
            self._refuse(str(err), err)

    def _load(self, config: Any, dtype: Any, device: Any, trust_remote_code: bool) -> Any:
        try:
            with _no_progress_bar():
                model: Any = AutoModelForCausalLM.from_pretrained(
                    self._folder,
                    config=config,
                    dtype=dtype,
                    attn_implementation=_NAME,
                    use_safetensors=True,
                    local_files_only=True,
                    trust_remote_code=trust_remote_code,
                )
        # The library, and code that came with the model, raise whatever they do.
        except Exception as err:
            if isinstance(err, KeyError) and err.args == (_NAME,):
                raise Unfit("its code computes attention in a way of its own") from err
            raise InvalidRequestError(
                f"transformers cannot load {self._folder!r} ({self._kind}): {err}",
                code="model_not_loadable",
            ) from err
        return model.eval().to(device)

    def _refuse(self, why: str, err: BaseException) -> NoReturn:
        raise InvalidRequestError(
            f"{self._folder!r} ({self._kind}) cannot be run in batches: {why}; take a GGUF file of "
            "it and the back end llama.cpp",
            code="model_not_loadable",
        ) from err

    def _try(self, config: Any, window: int) -> None:
        model, device = self._model, self._model.device
        try:
            self._shapes = observe(self, config, window, device)
            try_in_turns(self, self._alone, config.vocab_size, dtype=model.dtype, device=device)
        except Unfit:
            raise
        except Exception as err:
            raise Unfit(str(err) or type(err).__name__) from err
        finally:
            model.set_attn_implementation(_NAME)

    def _alone(self, tokens: Any) -> Any:
        """Logits after a text, by the model's own attention."""
        self._model.set_attn_implementation("eager")
        return self._model(input_ids=tokens, use_cache=False).logits[0, -1]

    @property
    def cache_shapes(self) -> list[LayerShape]:
        """What each layer keeps of a token."""
        return self._shapes

    @property
    def size_bytes(self) -> int:
        """Bytes of the weights in memory."""
        return sum(p.numel() * p.element_size() for p in self._model.parameters())

    def logits(
        self, tokens: Any, positions: Any, attention: Attention, keep: Any, adapter: str | None
    ) -> Any:
        """(len(keep), n_vocab) of some rows; see `network.Network`."""
        token = _attention.set(attention)
        try:
            return self._model(
                input_ids=tokens[None],
                position_ids=positions[None],
                use_cache=False,
                logits_to_keep=0 if keep is None else keep,
            ).logits[0]
        finally:
            _attention.reset(token)

    def hidden(
        self, tokens: Any, positions: Any, attention: Attention, adapter: str | None = None
    ) -> Any:
        """(n_rows, n_embd) states after the last layer; see `network.Network`."""
        token = _attention.set(attention)
        try:
            return self._model.base_model(
                input_ids=tokens[None], position_ids=positions[None], use_cache=False
            ).last_hidden_state[0]
        finally:
            _attention.reset(token)
