"""Answers of text completions, with the prompt before them where it is echoed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local_llm_kit.answers.base import Answer, Choice, Progress, ended, spelled
from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.protocol import Delta, Finished, PromptScores, TokenScore


@dataclass(frozen=True, slots=True)
class Echo:
    """A prompt that is put before its answers.

    :param text: its text.
    :param first: bytes of its first token, which has no score, for nothing stands before it; needed
        where the prompt is scored.
    """

    text: str
    first: bytes = b""


class CompletionAnswer(Answer):
    """Answer of a text completion.

    :param echoes: prompts to put before the answers, one a prompt; empty for none.
    :param scores: whether log probabilities were asked for. An echoed prompt then comes with its
        own, once the engine has told them.
    """

    id_prefix = "cmpl"
    object = "text_completion"
    chunk_object = "text_completion"

    def __init__(
        self,
        model: str,
        n_choices: int,
        n_prompts: int,
        *,
        echoes: Sequence[Echo] = (),
        scores: bool = False,
        stream: bool = False,
        include_usage: bool = False,
    ) -> None:
        super().__init__(model, n_choices, n_prompts, stream=stream, include_usage=include_usage)
        self._echoes = echoes
        self._scores = scores
        self._offsets = [0] * len(self.choices)

    def start(self) -> list[JSONObject]:
        """The echoed prompts that are not scored."""
        chunks: list[JSONObject] = []
        for choice in self.choices if self._echoes and not self._scores else ():
            self._keep(choice, self._part(choice, self._echoes[choice.prompt].text, ()), chunks)
        return chunks

    def _parts(self, choice: Choice, event: Progress) -> list[JSONObject]:
        if isinstance(event, Delta):
            return [self._part(choice, event.text, event.scores)]
        if isinstance(event, PromptScores) and self._echoes:
            return [self._scored_echo(choice, event.scores)]
        if not isinstance(event, Finished):
            return []
        choice.end = event
        return [ended(self._part(choice, "", ()), event, event.reason)]

    def _scored_echo(self, choice: Choice, scores: tuple[TokenScore, ...]) -> JSONObject:
        echo = self._echoes[choice.prompt]
        part = self._part(choice, echo.text, ())
        first = spelled(echo.first)
        self._offsets[choice.index] = len(first)
        rest = self._logprobs(choice, scores)
        part["logprobs"] = {
            "tokens": [first, *rest["tokens"]],
            "token_logprobs": [None, *rest["token_logprobs"]],
            "top_logprobs": [None, *rest["top_logprobs"]],
            "text_offset": [0, *rest["text_offset"]],
        }
        self._offsets[choice.index] = len(echo.text)
        return part

    def _part(self, choice: Choice, text: str, scores: tuple[TokenScore, ...]) -> JSONObject:
        logprobs = self._logprobs(choice, scores) if scores and self._scores else None
        return {"index": choice.index, "text": text, "logprobs": logprobs, "finish_reason": None}

    def _logprobs(self, choice: Choice, scores: tuple[TokenScore, ...]) -> JSONObject:
        tokens = [spelled(score.token) for score in scores]
        offsets = []
        for token in tokens:
            offsets.append(self._offsets[choice.index])
            self._offsets[choice.index] += len(token)
        return {
            "tokens": tokens,
            "token_logprobs": [score.logprob for score in scores],
            "top_logprobs": [_top_by_text(score) for score in scores],
            "text_offset": offsets,
        }

    def _whole(self, choice: Choice) -> JSONObject:
        logprobs: JSONObject | None = None
        if self._scores:
            names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
            pieces = [part["logprobs"] for part in choice.parts if part["logprobs"]]
            logprobs = {name: [item for piece in pieces for item in piece[name]] for name in names}
        return {
            "index": choice.index,
            "text": "".join(part["text"] for part in choice.parts),
            "logprobs": logprobs,
            **self._ending(choice.parts[-1]),
        }


def _top_by_text(score: TokenScore) -> dict[str, float]:
    """The likeliest tokens by their text, the chosen one among them."""
    top: dict[str, float] = {}
    for token, logprob in (*score.top, (score.token, score.logprob)):
        top.setdefault(spelled(token), logprob)
    return top
