"""The back end that is an engine of ours, with what calls need around it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from LLM.exceptions import LLMContextLengthError
from LLM.overflow import Overflow
from local_llm_kit.answers import Answer, ChatAnswer, CompletionAnswer, Echo
from local_llm_kit.arguments import ChatArguments, CompletionArguments, Defaults, parse_chat
from local_llm_kit.backends import Job, JSONObject
from local_llm_kit.decisions import (
    DecisionAnswer,
    DecisionArguments,
    ScoredQuestion,
    messages_with,
)
from local_llm_kit.embeddings import (
    EmbeddingArguments,
    check_dimensions,
    embeddings_response,
    shortened,
)
from local_llm_kit.engines.constraints import ConstraintCompiler
from local_llm_kit.engines.protocol import (
    Constraint,
    Engine,
    EngineStats,
    GenerationRequest,
    Handle,
    ModelInfo,
    SamplingParams,
    Sink,
)
from local_llm_kit.fields import unsupported
from local_llm_kit.grammars import Grammar, grammar_of
from local_llm_kit.images import refuse_images
from local_llm_kit.memory_plan import MemoryPlan
from local_llm_kit.output_format import messages_with_schema
from local_llm_kit.prompts import Prompter
from local_llm_kit.runs import answered
from local_llm_kit.stopping import Stop
from local_llm_kit.tool_choice import NO_TOOLS
from local_llm_kit.waves import Waves
from local_llm_kit.window import fit_window


class LocalModel:
    """A model of ours; see `Backend`.

    :param engine: owned; closed with this.
    :param defaults: used for arguments that a call leaves out.
    :param memory_plan: what it was planned to take; None where nobody planned it.
    :raises InvalidRequestError: the model's chat template cannot be used.
    """

    def __init__(
        self,
        engine: Engine,
        defaults: Defaults | None = None,
        memory_plan: MemoryPlan | None = None,
    ) -> None:
        self.engine = engine
        self.memory_plan = memory_plan
        self.defaults = defaults or Defaults()
        self._prompter = Prompter(engine)
        self._compiler = ConstraintCompiler(engine.vocabulary)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        return self.engine.info

    @property
    def stats(self) -> EngineStats:
        """A snapshot of the engine's work."""
        return self.engine.stats

    def chat(self, arguments: ChatArguments, stop: Stop | None = None) -> Job:
        """Prepare a chat completion.

        :param stop: ends a summary that is being written.
        :raises InvalidRequestError: the template refuses the messages, or an argument cannot be
            honoured.
        :raises LLMContextLengthError: the prompt does not fit the window.
        """
        if arguments.think:
            raise unsupported(
                "think", f"{self.info.name!r} does not support thinking; leave it out"
            )
        prompt, dropped = self._fitted(arguments, stop or Stop())
        constraint = self._constraint(grammar_of(arguments.output, arguments.tool_choice))
        answer = ChatAnswer(
            self.info.name,
            arguments.n,
            calls="none" if arguments.tool_choice.mode == "none" else "held",
            legacy=arguments.tool_choice.legacy,
            scores=arguments.sampling.n_logprobs is not None,
            stream=arguments.stream,
            include_usage=arguments.include_usage,
        )
        if dropped is not None:
            answer.notes["overflow"] = dropped.to_dict()
        return self._job(answer, [prompt], arguments, constraint)

    def completion(self, arguments: CompletionArguments) -> Job:
        """Prepare a text completion.

        :raises InvalidRequestError: there is a text after the gap, and the model fills none.
        :raises LLMContextLengthError: a prompt does not fit the window.
        """
        prompts = [self._text_prompt(prompt, arguments.suffix) for prompt in arguments.prompts]
        echoes = self._echoes(arguments.prompts, prompts) if arguments.echo else []
        answer = CompletionAnswer(
            self.info.name,
            arguments.n,
            len(prompts),
            echoes=echoes,
            scores=arguments.sampling.n_logprobs is not None,
            stream=arguments.stream,
            include_usage=arguments.include_usage,
        )
        constraint = self._constraint(grammar_of(arguments.output, NO_TOOLS))
        return self._job(answer, prompts, arguments, constraint)

    def decision(self, arguments: DecisionArguments) -> Job:
        """Prepare questions; see `local_llm_kit.decisions.answers` for what is computed.

        :raises LLMContextLengthError: the input does not fit the window with a question.
        """
        ending = self.engine.vocabulary.eos_token_id
        questions = [
            ScoredQuestion(
                question,
                self._prompter.chat(messages_with(question, arguments.messages)),
                [[*self.engine.tokenize(option.text), ending] for option in question.options],
            )
            for question in arguments.questions
        ]
        for one in questions:
            n_tokens = len(one.prompt) + max(map(len, one.options))
            self._check_room("the input with its longest question", n_tokens)
        answer = DecisionAnswer(self.info.name, questions)

        def start(sink: Sink) -> list[Handle]:
            waves = Waves(self.engine, _option_requests(answer), sink)
            waves.start(self.stats.n_slots)
            return [waves]

        return Job(answer, start)

    def embeddings(self, arguments: EmbeddingArguments) -> JSONObject:
        """Embeddings of texts, in OpenAI's shape; blocks while they are computed.

        :raises InvalidRequestError: an input is too long, or more numbers are asked for than there
            are.
        """
        name = self.info.name
        check_dimensions(arguments, name, self.info.n_embd)
        prompts = [
            self._prompter.text(one) if isinstance(one, str) else one for one in arguments.inputs
        ]
        self._check_room("the longest input", max(map(len, prompts)))
        vectors = shortened(self.engine.embed(prompts), arguments.dimensions)
        n_tokens = sum(map(len, prompts))
        return embeddings_response(name, list(vectors), n_tokens, arguments.encoding_format)

    def models(self) -> list[str]:
        """Its own name."""
        return [self.info.name]

    def tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        """Token ids of `text`."""
        return self.engine.tokenize(text, add_special=add_special, parse_special=parse_special)

    def token_bytes(self, tokens: Sequence[int]) -> list[bytes]:
        """Bytes of each token's text; none of special tokens."""
        pieces = self.engine.vocabulary.pieces
        return [pieces[token] for token in tokens]

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`; special tokens have none."""
        return self.engine.detokenize(tokens)

    def count_tokens(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Tokens of the prompt that a conversation makes, however long."""
        self._require_text(messages)
        return len(self._prompter.tokens(messages, tools))

    def save_state(self, arguments: ChatArguments, path: str | os.PathLike[str]) -> int:
        """Write what the cache holds of a conversation to a file; tokens saved."""
        self._require_text(arguments.messages)
        prompt = self._prompter.chat(arguments.messages, arguments.tools)
        return self.engine.save_state(prompt, os.fspath(path))

    def load_state(self, path: str | os.PathLike[str]) -> int:
        """Put a saved conversation back into the cache; tokens restored."""
        return self.engine.load_state(os.fspath(path))

    def close(self) -> None:
        """End what runs and give the memory back; repeatable."""
        self._compiler.close()
        self.engine.close()

    def _fitted(self, arguments: ChatArguments, stop: Stop) -> tuple[list[int], Overflow | None]:
        """The prompt, told of the output's schema, and what was dropped to make room for it."""
        self._require_text(arguments.messages)
        takes_system = not arguments.output.is_json or self._prompter.takes_system
        messages = messages_with_schema(
            arguments.messages, arguments.output, takes_system=takes_system
        )
        if arguments.overflow == "error":
            continues = arguments.continues
            return self._prompter.chat(messages, arguments.tools, continues=continues), None
        counted: list[int] = []

        def count(some: Sequence[Mapping[str, Any]]) -> int:
            counted[:] = self._prompter.tokens(some, arguments.tools)
            return len(counted)

        kept, dropped = fit_window(
            messages,
            arguments.overflow,
            context_length=self.info.context_length,
            max_tokens=arguments.max_tokens,
            count=count,
            ask=partial(self._ask, stop),
        )
        # What fits was counted once, as a whole: a long conversation is not rendered twice.
        return (counted if dropped is None else self._prompter.chat(kept, arguments.tools)), dropped

    def _ask(self, stop: Stop, messages: list[dict[str, Any]], max_tokens: int) -> str:
        """What the model answers, for its own use."""
        body = {"messages": messages, "max_tokens": max_tokens, "temperature": 0.0}
        response = answered(self.chat(parse_chat(body, self.defaults)), stop)
        return response["choices"][0]["message"]["content"] or ""

    def _text_prompt(self, prompt: str | list[int], suffix: str | None) -> list[int]:
        if suffix is not None:
            return self._prompter.infill(prompt, suffix)
        return self._prompter.text(prompt) if isinstance(prompt, str) else prompt

    def _echoes(self, given: Sequence[str | list[int]], prompts: Sequence[list[int]]) -> list[Echo]:
        pieces = self.engine.vocabulary.pieces
        return [
            Echo(
                one if isinstance(one, str) else self.engine.detokenize(one),
                pieces[tokens[0]] if tokens else b"",
            )
            for one, tokens in zip(given, prompts, strict=True)
        ]

    def _constraint(self, grammar: Grammar | None) -> Constraint | None:
        return None if grammar is None else self._compiler.compile(grammar)

    def _job(
        self,
        answer: Answer,
        prompts: list[list[int]],
        arguments: ChatArguments | CompletionArguments,
        constraint: Constraint | None,
    ) -> Job:
        requests = _requests(answer, prompts, arguments, constraint)
        return Job(answer, partial(self._submit, requests), sum(map(len, prompts)))

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

    def _require_text(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """:raises InvalidRequestError: a message has an image; templates have no place for one."""
        refuse_images(messages, f"{self.info.name!r} reads text only; take a model that sees")

    def _check_room(self, what: str, n_tokens: int) -> None:
        if n_tokens > self.info.context_length:
            raise LLMContextLengthError(
                f"{what} has {n_tokens} tokens, but the window of {self.info.name!r} is "
                f"{self.info.context_length}; shorten it",
                status_code=400,
                code="context_length_exceeded",
            )


def _requests(
    answer: Answer,
    prompts: list[list[int]],
    arguments: ChatArguments | CompletionArguments,
    constraint: Constraint | None,
) -> list[GenerationRequest]:
    return [
        GenerationRequest(
            prompt=prompts[choice.prompt],
            max_tokens=arguments.max_tokens,
            sampling=arguments.sampling.of_choice(choice.index),
            stop=arguments.stop,
            tag=choice,
            constraint=constraint,
            adapter=arguments.adapter,
            score_from=0 if _scores_prompt(arguments) else None,
        )
        for choice in answer.choices
    ]


def _scores_prompt(arguments: ChatArguments | CompletionArguments) -> bool:
    return (
        isinstance(arguments, CompletionArguments)
        and arguments.echo
        and arguments.sampling.n_logprobs is not None
    )


def _option_requests(answer: DecisionAnswer) -> Iterator[GenerationRequest]:
    """One request an option: it generates nothing and tells the scores of the option's tokens."""
    sampling = SamplingParams(temperature=0.0, n_logprobs=0)
    for tag in answer.tags():
        one = answer.questions[tag.question]
        yield GenerationRequest(
            prompt=one.prompt + one.options[tag.option],
            max_tokens=0,
            sampling=sampling,
            tag=tag,
            score_from=len(one.prompt),
        )
