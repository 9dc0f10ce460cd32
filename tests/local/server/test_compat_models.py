"""A model that is not there is the same error in process, over HTTP and for the SDK."""

from __future__ import annotations

import openai
import pytest

from local_llm_kit import LLMClient, ModelNotFoundError
from local_llm_kit.server import LocalServer
from tests.local.http import ask

pytestmark = pytest.mark.slow


def test_an_unknown_model_is_the_same_error_in_process_and_over_http(
    server: LocalServer, client: LLMClient
) -> None:
    with pytest.raises(ModelNotFoundError) as here:
        client.models.retrieve("no-such-model")
    there = ask(server.url, "/v1/models/no-such-model")
    assert (there.status, there.error["code"]) == (here.value.status_code, here.value.code)


def test_the_sdk_retrieves_and_lists_models(server: LocalServer) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x") as sdk:
        assert sdk.models.retrieve("tiny") == next(iter(sdk.models.list()))
        with pytest.raises(openai.NotFoundError):
            sdk.models.retrieve("no-such-model")


def test_a_model_is_not_removed_over_http(server: LocalServer) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x") as sdk:
        with pytest.raises(openai.APIStatusError) as caught:
            sdk.models.delete("tiny")
        assert caught.value.status_code == 405
        assert sdk.models.retrieve("tiny").id == "tiny"
