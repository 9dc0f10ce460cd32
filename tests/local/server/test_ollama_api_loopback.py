"""Our own Ollama back end against our own server: both ends of the API agree."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import ollama
import pytest
from pydantic import BaseModel

from LLM.exceptions import LLMAuthError, LLMContextLengthError, ModelNotFoundError
from local_llm_kit import LLMClient
from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer, ServerOptions
from tests.local.http import ask
from tests.local.ollama.fake import SHOWN, FakeOllama, fake_ollama, ndjson
from tests.local.support import running_server_of

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()


@pytest.fixture(params=["tiny", "tiny:latest"])
def far(request: pytest.FixtureRequest, server: LocalServer) -> Iterator[LLMClient]:
    """The model of the server, as Ollama's."""
    with LLMClient(request.param, backend="ollama", host=server.url) as client:
        yield client


def test_facts_about_the_model_arrive(far: LLMClient, client: LLMClient) -> None:
    assert (far.info.context_length, far.info.n_embd) == (2048, client.info.n_embd)
    assert far.info.n_params == 1_115_520
    assert far.info.capabilities == client.info.capabilities


def test_a_chat_says_the_same_near_and_far(far: LLMClient, client: LLMClient) -> None:
    near = client.chat.completions.create(messages=HELLO, temperature=0, top_p=1.0)
    answer = far.chat.completions.create(messages=HELLO, temperature=0, top_p=1.0)
    assert answer.text == near.text
    assert answer.usage.model_dump(exclude={"prompt_tokens_details"}) == near.usage.model_dump(
        exclude={"prompt_tokens_details"}
    )


def test_a_stream_arrives_in_pieces(far: LLMClient) -> None:
    whole = far.chat.completions.create(messages=HELLO, temperature=0).text
    with far.chat.completions.create(messages=HELLO, temperature=0, stream=True) as stream:
        texts = list(stream.iter_text())
    assert "".join(texts) == whole
    assert stream.response is not None
    assert stream.response.choices[0].finish_reason == "stop"


def test_scores_arrive(far: LLMClient, client: LLMClient) -> None:
    wanted = {"messages": HELLO, "temperature": 0, "logprobs": True, "top_logprobs": 2}
    near = client.chat.completions.create(**wanted).choices[0].logprobs
    answer = far.chat.completions.create(**wanted).choices[0].logprobs
    assert answer is not None
    assert near is not None
    assert [one.bytes for one in answer.content or ()] == [one.bytes for one in near.content or ()]


def test_a_tool_is_called(far: LLMClient) -> None:
    question = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = far.chat.completions.create(messages=question, tools=[TOOL], temperature=0)
    (call,) = answer.choices[0].message.tool_calls or ()
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Paris"}')


class Town(BaseModel):
    name: str
    people: int


def test_a_pydantic_class_is_filled(far: LLMClient) -> None:
    answer = far.chat.completions.create(messages=HELLO, response_format=Town, temperature=0)
    assert isinstance(answer.choices[0].message.parsed, Town)


def test_a_text_is_gone_on_with(far: LLMClient, client: LLMClient) -> None:
    wanted = {"prompt": "Once upon", "max_tokens": 5, "temperature": 0}
    assert far.completions.create(**wanted).text == client.completions.create(**wanted).text


def test_embeddings_are_the_same(far: LLMClient, client: LLMClient) -> None:
    near = client.embeddings.create(input=["one", "two"])
    answer = far.embeddings.create(input=["one", "two"])
    for one, other in zip(answer.data, near.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=0.02)


def test_errors_have_the_same_class(far: LLMClient, server: LocalServer) -> None:
    with pytest.raises(LLMContextLengthError):
        far.chat.completions.create(messages=[{"role": "user", "content": "word " * 5000}])
    with pytest.raises(LLMAuthError, match="not over HTTP; download it there"):
        LLMClient("other", backend="ollama", host=server.url, pull=True)
    with pytest.raises(ModelNotFoundError, match="'other'"):
        LLMClient("other", backend="ollama", host=server.url)


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        fake.models["eye"] = SHOWN | {"capabilities": ["completion", "thinking", "vision"]}
        yield fake


@pytest.fixture
def behind(fake: FakeOllama) -> Iterator[LocalServer]:
    """A server of ours whose models are Ollama's."""
    options = LoadOptions(backend="ollama", host=fake.host)
    with running_server_of("eye", ServerOptions(port=0), options) as server:
        yield server


def test_images_pass_through_to_a_model_that_sees(behind: LocalServer, fake: FakeOllama) -> None:
    with ollama.Client(host=behind.url) as client:
        client.chat("eye", [{"role": "user", "content": "What is it?", "images": [PIXEL]}])
        client.generate("eye", "And this?", images=[base64.b64decode(PIXEL)])
    messages = [body["messages"][-1] for body in fake.bodies("/api/chat")]
    assert [message["content"] for message in messages] == ["What is it?", "And this?"]
    assert [message["images"] for message in messages] == [[PIXEL], [PIXEL]]


def test_thoughts_and_times_of_the_other_server_are_told(
    behind: LocalServer, fake: FakeOllama
) -> None:
    thought = {"message": {"role": "assistant", "content": "", "thinking": "Hm."}, "done": False}
    end = {
        "message": {"role": "assistant", "content": "Yes."},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 7,
        "eval_count": 3,
        "prompt_eval_duration": 5,
        "eval_duration": 9,
    }
    fake.script("/api/chat", *ndjson(thought, end))
    with ollama.Client(host=behind.url) as client:
        answer = client.chat("eye", HELLO, think=True)
    assert (answer.message.thinking, answer.message.content) == ("Hm.", "Yes.")
    assert (answer.prompt_eval_duration, answer.eval_duration) == (5, 9)
    assert (answer.prompt_eval_count, answer.eval_count) == (7, 3)


@pytest.mark.parametrize("think", [True, False, "high", None], ids=str)
def test_a_model_that_thinks_is_told_whether_to(
    behind: LocalServer, fake: FakeOllama, think: Any
) -> None:
    with ollama.Client(host=behind.url) as client:
        client.chat("eye", HELLO, think=think)
    assert fake.bodies("/api/chat")[0].get("think") == think


def test_a_model_behind_another_server_that_does_not_think_says_so(behind: LocalServer) -> None:
    with ollama.Client(host=behind.url) as client:
        assert client.chat("tiny", HELLO, think=False).message.content
        with pytest.raises(ollama.ResponseError, match="'tiny' does not think"):
            client.chat("tiny", HELLO, think=True)


def test_a_model_behind_another_server_is_shown_and_listed(behind: LocalServer) -> None:
    with ollama.Client(host=behind.url) as client:
        shown = client.show("tiny")
        names = [model.model for model in client.list().models]
    assert shown.capabilities == ["completion", "embedding", "tools"]
    assert (shown.modelinfo or {})["model.context_length"] == 2048
    assert names == ["eye", "tiny:latest", "tiny"]


def test_a_model_that_does_not_see_refuses_images(server: LocalServer) -> None:
    turn = {"role": "user", "content": "What is it?", "images": [PIXEL]}
    answer = ask(server.url, "/api/chat", {"model": "tiny", "messages": [turn]})
    assert answer.status == 400
    assert "'tiny' reads text only" in answer.json["error"]
