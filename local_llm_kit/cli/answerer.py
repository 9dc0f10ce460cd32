"""Who answers: a model in this process, or a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

from LLM.exceptions import (
    LLMConnectionError,
    LLMContextLengthError,
    LLMError,
    ModelNotFoundError,
)
from LLM.retry import RetryPolicy
from local_llm_kit.cli.loading_bar import loading_bar
from local_llm_kit.cli.options import LOAD_OPTIONS, given
from local_llm_kit.cli.terminal import note

if TYPE_CHECKING:
    from LLM import LLM
    from LLM.streaming import ChatStream
    from LLM.types import ChatCompletionResponse, Model
    from local_llm_kit import LLMClient

Messages = Sequence[Mapping[str, Any]]

#: Options that say how to load a model for one caller.
LOAD_FOR_ONE = tuple(
    name for name in LOAD_OPTIONS if name not in ("n_slots", "max_queue", "keep_alive")
)
#: Seconds that a server may take to begin its answer: it may have to load the model first.
_TIMEOUT_S = 600.0
#: What servers call the window of a model in their list of models.
_WINDOW_FIELDS = ("context_length", "max_model_len", "context_window")


class Answerer(Protocol):
    """A model that answers conversations."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def context_length(self) -> int | None:
        """Its window in tokens; None where nobody tells."""

    def stream(self, messages: Messages, arguments: Mapping[str, Any]) -> ChatStream:
        """An answer as it is made; arguments as for OpenAI's API."""

    def answer(self, messages: Messages, arguments: Mapping[str, Any]) -> ChatCompletionResponse:
        """A whole answer."""

    def count_tokens(self, messages: Messages) -> int | None:
        """Tokens of the prompt that a conversation makes; None where nobody tells."""

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """Ids of the tokens that end an answer; none where nobody tells."""

    @property
    def reads_images(self) -> bool | None:
        """Whether it takes images; None where nobody tells."""

    def models(self) -> list[str]:
        """Names of the models that could answer instead."""


class _Local:
    """A model in this process.

    :param gives_way: leave the oldest turns out of a conversation that does not fit.
    """

    def __init__(self, client: LLMClient, *, gives_way: bool) -> None:
        self._client = client
        # Ollama's API counts no tokens, and so cannot cut.
        self._gives_way = gives_way and client.info.backend != "ollama"

    @property
    def name(self) -> str:
        return self._client.info.name

    @property
    def context_length(self) -> int | None:
        return self._client.info.context_length or None

    def stream(self, messages: Messages, arguments: Mapping[str, Any]) -> ChatStream:
        return self._client.chat.completions.create(
            messages=messages, stream=True, **self._with_policy(arguments)
        )

    def answer(self, messages: Messages, arguments: Mapping[str, Any]) -> ChatCompletionResponse:
        answer: ChatCompletionResponse = self._client.chat.completions.create(
            messages=messages, **self._with_policy(arguments)
        )
        return answer

    def _with_policy(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {**arguments, "overflow": "drop_oldest"} if self._gives_way else {**arguments}

    def count_tokens(self, messages: Messages) -> int | None:
        if self._client.info.backend == "ollama":
            return None
        return self._client.count_tokens(messages)

    @property
    def end_tokens(self) -> tuple[int, ...]:
        return self._client.info.end_tokens

    @property
    def reads_images(self) -> bool | None:
        return "vision" in self._client.info.capabilities

    def models(self) -> list[str]:
        return [model.id for model in self._client.models.list().data]


class _Remote:
    """A model of a server.

    :param card: its entry in the server's list of models.
    :param gives_way: as for `_Local`; only our own server can do so.
    """

    def __init__(self, llm: LLM, card: Model, *, gives_way: bool) -> None:
        self._llm = llm
        self._card = card
        self._gives_way = gives_way

    @property
    def name(self) -> str:
        return self._card.id

    @property
    def context_length(self) -> int | None:
        extra = self._card.model_extra or {}
        windows = [extra.get(field) for field in _WINDOW_FIELDS]
        return next((window for window in windows if isinstance(window, int) and window > 0), None)

    def stream(self, messages: Messages, arguments: Mapping[str, Any]) -> ChatStream:
        try:
            return self._stream(messages, arguments)
        except LLMContextLengthError:
            # Not before: other servers refuse a field that they do not know.
            if not self._gives_way:
                raise
            return self._stream(messages, {**arguments, "overflow": "drop_oldest"})

    def _stream(self, messages: Messages, arguments: Mapping[str, Any]) -> ChatStream:
        stream: ChatStream = self._llm.chat_completion(
            messages, stream=True, **self._named(arguments)
        )
        return stream

    def answer(self, messages: Messages, arguments: Mapping[str, Any]) -> ChatCompletionResponse:
        answer: ChatCompletionResponse = self._llm.chat_completion(
            messages, **self._named(arguments)
        )
        return answer

    def _named(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"model": self.name, **arguments}

    def count_tokens(self, messages: Messages) -> int | None:
        return None

    @property
    def end_tokens(self) -> tuple[int, ...]:
        return ()

    @property
    def reads_images(self) -> bool | None:
        capabilities = (self._card.model_extra or {}).get("capabilities")
        return "vision" in capabilities if isinstance(capabilities, list) else None

    def models(self) -> list[str]:
        return [model.id for model in self._llm.list_models().data]


class _Patience:
    """Tries again what a server may soon answer; one that is not there is told of at once."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy

    def delay(self, error: LLMError, attempt: int) -> float | None:
        """Seconds to wait; see `RetryStrategy`."""
        if isinstance(error, LLMConnectionError):
            return None
        return self._policy.delay(error, attempt)


@contextmanager
def open_answerer(
    model: str | None, settings: Mapping[str, Any], *, gives_way: bool = False
) -> Iterator[Answerer]:
    """The model that a command's options name, loaded or reached.

    :param settings: `url`, `api_key`, and fields of `LoadOptions`.
    :param gives_way: leave the oldest turns out of a conversation that does not fit.
    :raises LLMError: it cannot be loaded, or the server does not answer or have it.
    """
    options = dict(settings)
    url, api_key = options.pop("url"), options.pop("api_key")
    if url is None:
        from local_llm_kit import LLMClient

        with loading_bar(options.get("progress")) as watch:
            client = LLMClient(model, on_load=watch, n_slots=options.pop("n_slots", 1), **options)
        with client:
            yield _Local(client, gives_way=gives_way)
        return
    from LLM import LLM, LLMConfig

    # The server chooses what is not asked for.
    config = LLMConfig(base_url=url, api_key=api_key, temperature=None, timeout=_TIMEOUT_S)
    with LLM(config, retry_policy=_Patience(RetryPolicy())) as llm:
        yield _Remote(llm, _card(llm, model, url), gives_way=gives_way)


def _card(llm: LLM, model: str | None, url: str) -> Model:
    """The entry of a model in a server's list; of the first without a name."""
    cards = llm.list_models().data
    if not cards:
        raise ModelNotFoundError(f"the server at {url} has no models")
    found = [card for card in cards if model in (None, card.id)]
    if found:
        return found[0]
    # A server may answer to names that it does not list.
    note(f"(the server at {url} does not list {model!r}; another model may answer for it)")
    return cards[0].model_copy(update={"id": model})


def check_model(name: str, settings: Mapping[str, Any]) -> None:
    """Find a model, downloading it where need be, while another one still answers.

    What a server has costs nothing to try.

    :param settings: as for `open_answerer`.
    :raises LLMError: there is no such model, or it cannot be loaded.
    """
    if settings["url"] is not None:
        return
    from local_llm_kit.loading import LoadOptions, plan_model

    around = ("url", "api_key")
    options = {option: value for option, value in settings.items() if option not in around}
    plan_model(name, LoadOptions(**options))


def check_place(ctx: click.Context) -> None:
    """Refuse options that say how to load a model where a server has done so.

    :raises click.UsageError: names them.
    """
    if ctx.params.get("url") is None:
        return
    flags = given(ctx, dict.fromkeys(LOAD_OPTIONS))
    if flags:
        raise click.UsageError(
            f"{', '.join(flags)} and --url exclude each other: the server loads its models itself",
            ctx,
        )
