"""The engine: a network of torch, a cache sized for it, and the scheduler that runs on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt
import torch

from LLM.exceptions import LLMConfigError, LLMServerError
from local_llm_kit.engines.base import BaseEngine
from local_llm_kit.engines.defaults import capabilities_of
from local_llm_kit.engines.drafting import Drafter, DraftModel, PromptLookup
from local_llm_kit.engines.protocol import ModelInfo
from local_llm_kit.engines.state_file import fingerprint
from local_llm_kit.engines.transformers.building import Built, build, make_runner
from local_llm_kit.engines.transformers.embedding import embed, find_pooling
from local_llm_kit.engines.transformers.options import TransformersOptions
from local_llm_kit.engines.transformers.vocabulary import FolderVocabulary
from local_llm_kit.folder_template import find_chat_template


class TransformersEngine(BaseEngine):
    """A model of torch, ready to serve many callers.

    :param path: a folder with ``config.json``, a tokenizer and safetensors.
    :param name: name that answers carry.
    :param options: how to run it.
    :raises InvalidRequestError: the folder is damaged, would run code, or cannot be run here.
    :raises LLMConfigError: an option cannot work with this model or on this machine.
    """

    def __init__(self, path: str, name: str, options: TransformersOptions | None = None) -> None:
        options = options or TransformersOptions()
        try:
            self._built: Built | None = build(path, options)
            vocabulary = _vocabulary(self._built, options)
            runner = make_runner(self._built, options)
            drafter = _make_drafter(vocabulary, self._built, options, runner.n_slots)
        except (RuntimeError, MemoryError) as err:  # what torch raises without memory
            raise LLMConfigError(
                f"torch cannot load {path!r}: {err}; where memory is short, choose a smaller "
                "context_length, fewer slots, another dtype or device"
            ) from err
        self._device = self._built.device
        self._drafter = drafter
        super().__init__(
            _describe(self._built, vocabulary, path, name),
            vocabulary,
            runner,
            # Now, while the files are what was loaded: they may be replaced.
            state_owner=f"transformers {self._built.dtype} {options.quantization} "
            + fingerprint(path),
            n_slots=runner.n_slots,
            max_queue=options.max_queue,
            adapters=options.adapters,
            drafter=drafter,
        )

    def _embed(self, prompts: Sequence[Sequence[int]]) -> npt.NDArray[Any]:
        assert self._built is not None
        built, pooling = self._built, find_pooling(self._built.checkpoint.folder)
        try:
            return embed(built.network, built.device, prompts, pooling, n_threads=built.n_threads)
        except (RuntimeError, MemoryError) as err:
            raise LLMServerError(
                f"torch failed to embed {len(prompts)} texts: {err}", status_code=500
            ) from err

    def _free(self) -> None:
        self._runner.free()
        if self._drafter is not None:
            self._drafter.free()
        self._built = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _vocabulary(built: Built, options: TransformersOptions) -> FolderVocabulary:
    return FolderVocabulary(
        built.checkpoint, built.n_vocab, trust_remote_code=options.trust_remote_code
    )


def _make_drafter(
    vocabulary: FolderVocabulary, built: Built, options: TransformersOptions, n_slots: int
) -> Drafter | None:
    if options.speculation is not None:
        return PromptLookup()
    if options.draft_path is None:
        return None
    own = TransformersOptions(
        n_slots=n_slots,
        n_threads=options.n_threads,
        device=options.device,
        dtype=options.dtype,
        trust_remote_code=options.trust_remote_code,
    )
    draft = build(options.draft_path, own)
    if _vocabulary(draft, own).pieces != vocabulary.pieces:
        raise LLMConfigError(
            f"the draft model {options.draft_path!r} has another vocabulary than the model; take a "
            "smaller one of the same family"
        )
    return DraftModel(make_runner(replace(draft, window=min(draft.window, built.window)), own))


def _describe(built: Built, vocabulary: FolderVocabulary, path: str, name: str) -> ModelInfo:
    on_gpu = built.device.type != "cpu"
    chat_template = find_chat_template(built.checkpoint.folder)
    return ModelInfo(
        name=name,
        path=path,
        context_length=built.window,
        n_ctx_train=built.n_trained,
        n_vocab=built.n_vocab,
        n_params=built.n_params,
        size_bytes=built.network.size_bytes,
        longest_token_bytes=vocabulary.longest_token_bytes,
        chat_template=chat_template,
        capabilities=capabilities_of(chat_template),
        end_tokens=tuple(i for i, ends in enumerate(vocabulary.ends) if ends),
        bos_token=vocabulary.bos_token,
        eos_token=vocabulary.eos_token,
        control_tokens=tuple(name for name in vocabulary.control_names if name),
        backend="transformers",
        device=torch.cuda.get_device_name(built.device) if on_gpu else "cpu",
        n_embd=built.n_embd,
        n_gpu_layers=built.n_layers if on_gpu else 0,
    )
