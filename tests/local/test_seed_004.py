"""The page of seed 004, line by line, with `tiny`, on both engines."""

from __future__ import annotations

import inspect
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import local_llm_kit
from local_llm_kit import (
    Choice,
    CompletionResponse,
    InvalidRequestError,
    LLMClient,
    Message,
    ModelNotFoundError,
    TokenLimitError,
    Usage,
)
from local_llm_kit.model_files import BUNDLED
from tests.local.fake_hub import running_hub

pytestmark = pytest.mark.slow

BACKENDS = ["llama.cpp", "transformers"]
FOLDER = BUNDLED["tiny"].parent
HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
FUNCTIONS = [
    {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
]


@pytest.fixture(scope="module", params=BACKENDS)
def client(request: pytest.FixtureRequest) -> Iterator[LLMClient]:
    with LLMClient("tiny", backend=request.param) as client:
        yield client


@pytest.fixture
def fresh(client: LLMClient) -> Iterator[LLMClient]:
    """The client with its memory switched off again at the end."""
    yield client
    client.disable_memory()


def weights(backend: str) -> Path:
    """Where the weights of `tiny` are for a back end: a file, or a folder."""
    return BUNDLED["tiny"] if backend == "llama.cpp" else FOLDER


# -- LLMClient(model: str, **kwargs) ---------------------------------------------------------------


def test_the_client_takes_a_models_name(client: LLMClient) -> None:
    assert client.info.name == "tiny"


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_client_takes_a_models_path(backend: str) -> None:
    path = str(weights(backend))
    with LLMClient(path, backend=backend, context_length=256, n_slots=1) as client:
        assert client.info.backend == backend
        assert client.chat.completions.create(messages=HELLO, max_tokens=1).choices


@pytest.mark.parametrize("backend", BACKENDS)
def test_model_path_says_where_the_weights_are(backend: str) -> None:
    path = weights(backend)
    with LLMClient("mine", model_path=path, backend=backend, context_length=256) as client:
        assert client.chat.completions.create(messages=HELLO, max_tokens=1).model == "mine"


@pytest.mark.parametrize("backend", BACKENDS)
def test_context_length_is_the_window_in_tokens(backend: str) -> None:
    with LLMClient("tiny", backend=backend, context_length=64, n_slots=1) as client:
        answer = client.completions.create(prompt="One, two,", max_tokens=500)
        assert client.info.context_length == 64
        assert answer.usage is not None
        assert answer.usage.total_tokens <= 64


def test_the_window_of_tiny_is_2048_unless_it_is_given(client: LLMClient) -> None:
    assert client.info.context_length == 2048


@pytest.mark.parametrize(("name", "default"), [("temperature", 0.7), ("top_p", 0.9)])
def test_sampling_parameters_have_the_seeds_defaults(name: str, default: float) -> None:
    assert inspect.signature(LLMClient).parameters[name].default == default


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_clients_temperature_is_used_by_calls_that_give_none(backend: str) -> None:
    with LLMClient("tiny", backend=backend, temperature=0, context_length=256) as client:
        create = client.chat.completions.create
        texts = {create(messages=HELLO, max_tokens=12).text for _ in range(3)}
        assert texts == {create(messages=HELLO, max_tokens=12, temperature=0).text}


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_clients_top_p_is_used_by_calls_that_give_none(backend: str) -> None:
    with LLMClient("tiny", backend=backend, top_p=1e-6, context_length=256) as client:
        create = client.chat.completions.create
        texts = {create(messages=HELLO, max_tokens=12).text for _ in range(3)}
        assert texts == {create(messages=HELLO, max_tokens=12, temperature=0).text}


def test_backend_names_the_engine(client: LLMClient, request: pytest.FixtureRequest) -> None:
    assert client.info.backend == request.node.callspec.params["client"]


# -- chat.completions.create -----------------------------------------------------------------------


def test_create_takes_model_and_messages(client: LLMClient) -> None:
    answer = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=8)
    assert isinstance(answer, CompletionResponse)
    assert answer.choices[0].message.content


def test_create_takes_temperature(client: LLMClient) -> None:
    create = client.chat.completions.create
    cold = {create(messages=HELLO, temperature=0, max_tokens=12).text for _ in range(3)}
    hot = {
        create(messages=HELLO, temperature=2, top_p=1, max_tokens=12, seed=n).text
        for n in range(40)
    }
    assert (len(cold), len(hot) > 1) == (1, True)


def test_create_takes_top_p(client: LLMClient) -> None:
    create = client.chat.completions.create
    narrow = create(messages=HELLO, temperature=2, top_p=1e-6, max_tokens=12)
    assert narrow.text == create(messages=HELLO, temperature=0, max_tokens=12).text


def test_create_takes_max_tokens(client: LLMClient) -> None:
    answer = client.chat.completions.create(messages=HELLO, max_tokens=2, temperature=0)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2
    assert answer.choices[0].finish_reason == "length"


def test_create_takes_stream(client: LLMClient) -> None:
    arguments: dict[str, Any] = {"messages": HELLO, "temperature": 0, "max_tokens": 20}
    with client.chat.completions.create(**arguments, stream=True) as stream:
        text = "".join(stream.iter_text())
    assert isinstance(stream.response, CompletionResponse)
    assert text == client.chat.completions.create(**arguments).text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_create_takes_functions_and_function_call(client: LLMClient, stream: bool) -> None:
    answer = client.chat.completions.create(
        messages=WEATHER, functions=FUNCTIONS, function_call={"name": "get_weather"},
        temperature=0, stream=stream,
    )  # fmt: skip
    choice = (answer if isinstance(answer, CompletionResponse) else answer.response).choices[0]
    assert choice.message.function_call is not None
    assert choice.message.function_call.name == "get_weather"
    assert isinstance(json.loads(choice.message.function_call.arguments)["city"], str)


def test_function_call_none_calls_nothing(client: LLMClient) -> None:
    answer = client.chat.completions.create(
        messages=WEATHER, functions=FUNCTIONS, function_call="none", temperature=0
    )
    assert answer.choices[0].message.function_call is None


def test_create_takes_response_format(client: LLMClient) -> None:
    answer = client.chat.completions.create(
        messages=HELLO, response_format={"type": "json_object"}, temperature=0, max_tokens=200
    )
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(json.loads(answer.text), dict)


# -- memory ----------------------------------------------------------------------------------------


def test_enable_memory_keeps_a_thousand_tokens_unless_told() -> None:
    parameter = inspect.signature(LLMClient.enable_memory).parameters["max_tokens"]
    assert (parameter.default, parameter.annotation) == (1000, "int")


def test_a_turn_remembers_the_one_before(fresh: LLMClient) -> None:
    fresh.enable_memory()
    fresh.chat.completions.create(
        messages=[{"role": "user", "content": "My name is Zoe."}], temperature=0
    )
    answer = fresh.chat.completions.create(
        messages=[{"role": "user", "content": "What is my name?"}], temperature=0
    )
    assert answer.text == "Your name is Zoe."


def test_memory_keeps_to_its_budget(fresh: LLMClient) -> None:
    fresh.enable_memory(max_tokens=80)
    for i in range(8):
        fresh.chat.completions.create(
            messages=[{"role": "user", "content": f"Say {i} please"}], max_tokens=8
        )
    remembered = fresh.get_memory()
    assert 0 < fresh.count_tokens(remembered) <= 80
    assert remembered[0]["role"] == "user"


def test_add_to_memory_adds_messages(fresh: LLMClient) -> None:
    fresh.enable_memory(max_tokens=1000)
    fresh.add_to_memory([{"role": "user", "content": "My name is Zoe."},
                         {"role": "assistant", "content": "Nice to meet you, Zoe."}])  # fmt: skip
    answer = fresh.chat.completions.create(
        messages=[{"role": "user", "content": "What is my name?"}], temperature=0
    )
    assert "Zoe" in answer.text
    assert [message["role"] for message in fresh.get_memory()] == ["user", "assistant"] * 2


def test_clear_memory_clears_it(fresh: LLMClient) -> None:
    fresh.enable_memory()
    fresh.add_to_memory(HELLO)
    fresh.clear_memory()
    assert fresh.get_memory() == []


# -- response objects ------------------------------------------------------------------------------


def test_a_response_has_the_seeds_fields(client: LLMClient) -> None:
    before = int(time.time())
    answer = client.chat.completions.create(messages=HELLO, max_tokens=4)
    assert answer.id
    assert answer.object == "chat.completion"
    assert answer.created is not None
    assert before <= answer.created <= time.time()
    assert answer.model == "tiny"
    assert [type(choice) for choice in answer.choices] == [Choice]
    assert isinstance(answer.usage, Usage)


def test_a_choice_has_the_seeds_fields(client: LLMClient) -> None:
    choice = client.chat.completions.create(messages=HELLO, max_tokens=4).choices[0]
    assert choice.index == 0
    assert isinstance(choice.message, Message)
    assert choice.finish_reason in ("stop", "length")


def test_a_message_has_the_seeds_fields(client: LLMClient) -> None:
    message = client.chat.completions.create(messages=HELLO, max_tokens=4).choices[0].message
    assert message.role == "assistant"
    assert message.content
    assert message.function_call is None


def test_a_message_that_came_back_is_a_message_to_send(client: LLMClient) -> None:
    first = client.chat.completions.create(messages=HELLO, max_tokens=8).choices[0].message
    messages = [Message(role="user", content="Hello!"), first, *HELLO]
    assert client.chat.completions.create(messages=messages, max_tokens=4).text


def test_usage_counts_prompt_completion_and_total(client: LLMClient) -> None:
    usage = client.chat.completions.create(messages=HELLO, max_tokens=4).usage
    assert usage is not None
    assert usage.prompt_tokens == client.count_tokens(HELLO)
    assert 0 < usage.completion_tokens <= 4
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


# -- exceptions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [None, *BACKENDS])
def test_a_model_that_is_not_there_is_not_found(backend: str | None) -> None:
    with pytest.raises(ModelNotFoundError, match=r"nowhere/model\.gguf"):
        LLMClient("nowhere/model.gguf", backend=backend)


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", 3), ("top_p", 0), ("max_tokens", -1), ("n", 100), ("messages", []),
     ("functions", "f"), ("function_call", "maybe"), ("response_format", {"type": "xml"})],
)  # fmt: skip
def test_a_parameter_that_cannot_work_is_invalid(client: LLMClient, name: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        client.chat.completions.create(**{"messages": HELLO, name: value})


def test_a_prompt_beyond_the_window_passes_the_token_limit(client: LLMClient) -> None:
    with pytest.raises(TokenLimitError, match="2048"):
        client.chat.completions.create(messages=[{"role": "user", "content": "boat " * 2100}])


@pytest.mark.parametrize(
    "name",
    ["LLMClient", "CompletionResponse", "Choice", "Message", "Usage",
     "ModelNotFoundError", "InvalidRequestError", "TokenLimitError"],
)  # fmt: skip
def test_the_package_exports_the_seeds_names(name: str) -> None:
    assert name in local_llm_kit.__all__


# -- configuration ---------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_model_path_can_come_from_the_environment(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(weights(backend)))
    with LLMClient("mine", backend=backend, context_length=256, n_slots=1) as client:
        assert (client.info.name, client.info.backend) == ("mine", backend)


def test_a_client_without_a_name_takes_the_environments_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(BUNDLED["tiny"], tmp_path / "boat.gguf")
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(tmp_path / "boat.gguf"))
    with LLMClient(context_length=256, n_slots=1) as client:
        assert client.info.name == "boat"


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_can_come_from_the_environment(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_BACKEND", backend)
    with LLMClient("tiny", context_length=256, n_slots=1) as client:
        assert client.info.backend == backend


@pytest.mark.parametrize("backend", BACKENDS)
def test_context_length_can_come_from_the_environment(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_CONTEXT_LENGTH", "128")
    with LLMClient("tiny", backend=backend, n_slots=1) as client:
        assert client.info.context_length == 128
    with LLMClient("tiny", backend=backend, n_slots=1, context_length=64) as client:
        assert client.info.context_length == 64


@pytest.mark.parametrize("backend", BACKENDS)
def test_downloads_are_kept_in_the_environments_folder(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    with running_hub(files) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setenv("LOCAL_LLM_KIT_CACHE_DIR", str(tmp_path))
        with LLMClient("owner/name", backend=backend, context_length=256) as client:
            assert client.info.backend == backend
            assert Path(client.info.path).is_relative_to(tmp_path)
            assert client.chat.completions.create(messages=HELLO, max_tokens=1).choices
