"""The back end that is an engine of ours, with its chat template around it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from LLM.exceptions import LLMContextLengthError
from local_llm_kit.answers import Answer, ChatAnswer, CompletionAnswer
from local_llm_kit.arguments import ChatArguments, CompletionArguments, Defaults
from local_llm_kit.backends import Job, JSONObject
from local_llm_kit.embeddings import (
    EmbeddingArguments,
    check_dimensions,
    embeddings_response,
)
from local_llm_kit.engines.protocol import (
    Engine,
    EngineStats,
    GenerationRequest,
    Handle,
    ModelInfo,
    SamplingParams,
    Sink,
)
from local_llm_kit.prompts import PromptShield
from local_llm_kit.templates import CHATML, ChatTemplate

_SEEDS = 1 << 64


class LocalModel:
    """An engine with what calls need around it; see `Backend`.

    :param engine: owned; closed with this.
    :param defaults: used for arguments that a call leaves out.
    """

    def __init__(self, engine: Engine, defaults: Defaults | None = None) -> None:
        self.engine = engine
        self.defaults = defaults or Defaults()
        info = engine.info
        self._template = ChatTemplate(
            info.chat_template or CHATML, bos_token=info.bos_token, eos_token=info.eos_token
        )
        self._shield = PromptShield(info.control_tokens)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        return self.engine.info

    @property
    def stats(self) -> EngineStats:
        """A snapshot of the engine's work."""
        return self.engine.stats

    def chat(self, arguments: ChatArguments) -> Job:
        """Prepare a chat completion.

        :raises InvalidRequestError: the template refuses the messages.
        :raises LLMContextLengthError: the prompt does not fit the window.
        """
        prompt = self._prompt(arguments.messages, arguments.tools)
        answer = ChatAnswer(
            self.info.name,
            arguments.n,
            parse_tools=bool(arguments.tools),
            scores=arguments.sampling.n_logprobs is not None,
            stream=arguments.stream,
            include_usage=arguments.include_usage,
        )
        return self._job(answer, _requests(answer, [prompt], arguments))

    def completion(self, arguments: CompletionArguments) -> Job:
        """Prepare a text completion.

        :raises LLMContextLengthError: a prompt does not fit the window.
        """
        prompts = [
            self._tokens(prompt) if isinstance(prompt, str) else prompt
            for prompt in arguments.prompts
        ]
        echoes = [
            prompt if isinstance(prompt, str) else self.engine.detokenize(prompt)
            for prompt in (arguments.prompts if arguments.echo else ())
        ]
        answer = CompletionAnswer(
            self.info.name,
            arguments.n,
            len(prompts),
            echoes=echoes,
            scores=arguments.sampling.n_logprobs is not None,
            stream=arguments.stream,
            include_usage=arguments.include_usage,
        )
        return self._job(answer, _requests(answer, prompts, arguments))

    def embeddings(self, arguments: EmbeddingArguments) -> JSONObject:
        """Embeddings of texts, in OpenAI's shape; blocks while they are computed.

        :raises InvalidRequestError: an input is too long, or another length is asked for.
        """
        check_dimensions(arguments, self.info.name, self.info.n_embd)
        prompts = [self._tokens(one) if isinstance(one, str) else one for one in arguments.inputs]
        vectors = self.engine.embed(prompts)
        n_tokens = sum(map(len, prompts))
        return embeddings_response(
            self.info.name, list(vectors), n_tokens, arguments.encoding_format
        )

    def models(self) -> list[str]:
        """Its own name."""
        return [self.info.name]

    def tokenize(self, text: str) -> list[int]:
        """Token ids of `text`, without special tokens."""
        return self.engine.tokenize(text)

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`; special tokens have none."""
        return self.engine.detokenize(tokens)

    def count_tokens(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Tokens of the prompt that a conversation makes, the opening of the answer included."""
        return len(self._prompt(messages, tools))

    def save_state(self, arguments: ChatArguments, path: str | os.PathLike[str]) -> int:
        """Write what the cache holds of a conversation to a file; tokens saved."""
        prompt = self._prompt(arguments.messages, arguments.tools)
        return self.engine.save_state(prompt, os.fspath(path))

    def load_state(self, path: str | os.PathLike[str]) -> int:
        """Put a saved conversation back into the cache; tokens restored."""
        return self.engine.load_state(os.fspath(path))

    def _job(self, answer: Answer, requests: list[GenerationRequest]) -> Job:
        return Job(answer, partial(self._submit, requests))

    def _submit(self, requests: list[GenerationRequest], sink: Sink) -> list[Handle]:
        """Start requests; all or none.

        :raises LLMError: the engine does not take them.
        """
        handles: list[Handle] = []
        try:
            for request in requests:  # one by one: those taken are cancelled if one is not
                handles.append(self.engine.submit(request, sink))  # noqa: PERF401
        except BaseException:  # Ctrl-C too: what nobody waits for must not run
            for handle in handles:
                handle.cancel()
            raise
        return handles

    def _prompt(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
    ) -> list[int]:
        text = self._template.render(self._shield.mark(messages), self._shield.mark(tools))
        return self._chat_tokens(text)

    def _tokens(self, text: str) -> list[int]:
        self._check_size(text)
        return self.engine.tokenize(text, add_special=True)

    def _chat_tokens(self, text: str) -> list[int]:
        """Tokens of a rendered conversation, where the template's control tokens are read."""
        self._check_size(text)
        # A template that spells the BOS token itself must not get a second one.
        bos = self.info.bos_token
        spelled = bool(bos) and text.startswith(bos)

        def tokenize(piece: str, is_first: bool) -> list[int]:
            add_special = is_first and not spelled
            return self.engine.tokenize(piece, add_special=add_special, parse_special=True)

        return self._shield.tokenize(text, tokenize)

    def _check_size(self, text: str) -> None:
        """Refuse a text that cannot fit before C walks over it."""
        info = self.info
        n_bytes = len(text.encode())
        at_least = -(-n_bytes // info.longest_token_bytes)
        if at_least > info.context_length:
            raise LLMContextLengthError(
                f"the prompt has at least {at_least} tokens ({n_bytes:,} bytes), but the window of "
                f"{info.name!r} is {info.context_length}; shorten the prompt",
                status_code=400,
                code="context_length_exceeded",
            )

    def close(self) -> None:
        """End what runs and give the memory back; repeatable."""
        self.engine.close()


def _requests(
    answer: Answer, prompts: list[list[int]], arguments: ChatArguments | CompletionArguments
) -> list[GenerationRequest]:
    return [
        GenerationRequest(
            prompt=prompts[choice.prompt],
            max_tokens=arguments.max_tokens,
            sampling=_seeded(arguments.sampling, choice.index),
            stop=arguments.stop,
            tag=choice,
        )
        for choice in answer.choices
    ]


def _seeded(sampling: SamplingParams, index: int) -> SamplingParams:
    """Each choice has its own seed, so that several of one call differ and all repeat."""
    if sampling.seed is None or index == 0:
        return sampling
    return replace(sampling, seed=(sampling.seed + index) % _SEEDS)
