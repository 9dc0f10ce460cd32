"""The blocking client of Ollama."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloud.llm.client import ChatClient
from cloud.llm.ollama.management import (
    AVAILABLE_WITHIN_S,
    LIST_MODELS,
    LOADED_MODELS,
    PULL_PATH,
    SHOW_MODEL,
    PullDecoder,
    PullProgress,
    is_among,
    naming,
)
from cloud.llm.ollama.provider import Ollama
from LLM.answer import Answer
from LLM.endpoint import checked_timeout_s
from LLM.exceptions import LLMError
from LLM.reading import read_items


class OllamaClient(Ollama, ChatClient):
    """A blocking client of an Ollama server; safe to share between threads.

    ::

        client = OllamaClient(model="qwen2.5:3b")
        client.ensure_model()
        print(client.chat([{"role": "user", "content": "Hello!"}]).content)
    """

    def is_available(self) -> bool:
        """Whether an Ollama server answers within 2 seconds, and takes the key.

        It is asked once, whatever `max_retries` says.
        """
        source = self._source(None)
        try:
            answer = self._transport.call(
                LIST_MODELS.method, LIST_MODELS.path, None, timeout_s=AVAILABLE_WITHIN_S
            )
            LIST_MODELS.read(answer.body, answer.status, source)
        except LLMError:
            return False
        return answer.status == 200

    def has_model(self, model_name: str | None = None) -> bool:
        """Whether a model is on the server, with just this tag.

        :param model_name: without a tag it means ``:latest``, as everywhere in Ollama; None means
            the client's model.
        :raises LLMError: as `list_models`.
        """
        return is_among(self._named(model_name), self.list_models())

    def show_model(self, model_name: str | None = None) -> dict[str, Any]:
        """What the server knows of a model: `capabilities`, `details`, `model_info`, `template`, ….

        :param model_name: None means the client's model.
        :raises ModelNotFoundError: it is not on the server.
        :raises LLMError: as `list_models`.
        """
        name = self._named(model_name)
        return self._ask(SHOW_MODEL, naming(name), name)

    def loaded_models(self) -> list[dict[str, Any]]:
        """The models in memory, with `name`, `size`, `size_vram`, `expires_at`, `context_length`.

        :raises LLMError: as `list_models`.
        """
        return self._ask(LOADED_MODELS)

    def pull_model(
        self,
        model_name: str | None = None,
        on_progress: Callable[[PullProgress], object] | None = None,
        *,
        timeout: float | None = None,
    ) -> bool:
        """Have the server download a model, or look for a newer one of its name.

        A download that is broken off goes on from there the next time.

        :param model_name: None means the client's model.
        :param on_progress: called with each step; what it raises ends the download.
        :param timeout: seconds that may pass between two steps, in place of the client's; a large
            file is checked for minutes without a step. The download may take any time.
        :return: True, once the model is there.
        :raises ModelNotFoundError: Ollama's library has no such model.
        :raises LLMServerError: the download failed.
        :raises LLMError: as `list_models`.
        """
        name = self._named(model_name)
        body, source = naming(name), self._source(name)
        gap_s = checked_timeout_s(timeout, self.config.timeout)
        answer = self._tries(
            lambda: self._transport.stream(PULL_PATH, body, timeout_s=gap_s), source
        )
        assert not isinstance(answer, Answer), "a success, and so streamed"
        decoder = PullDecoder(answer.status, source)
        try:
            for progress in read_items(answer, decoder, decoder.finish):
                if on_progress is not None:
                    on_progress(progress)
        except LLMError as err:
            source.complete(err)
            raise
        finally:
            answer.close()
        return True

    def ensure_model(
        self,
        model_name: str | None = None,
        on_progress: Callable[[PullProgress], object] | None = None,
    ) -> bool:
        """Have the server download a model unless it has it.

        Arguments and errors are those of `pull_model`.

        :return: True, once the model is there.
        """
        return self.has_model(model_name) or self.pull_model(model_name, on_progress)
