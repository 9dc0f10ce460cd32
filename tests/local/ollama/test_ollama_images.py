"""Images in messages: which are taken, by which models, and that none is fetched."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError
from local_llm_kit import LLMClient
from local_llm_kit.arguments import Defaults, parse_chat
from local_llm_kit.images import MAX_IMAGE_BYTES, MAX_IMAGES
from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer, ServerOptions
from tests.local.http import ask
from tests.local.ollama.fake import SHOWN, FakeOllama
from tests.local.ollama.support import chat, load
from tests.local.support import running_server_of

pytestmark = pytest.mark.slow

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
KINDS = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff\xe0",
    "gif": b"GIF89a",
    "webp": b"RIFF\x08\0\0\0WEBPVP8 ",
}


def data_url(data: bytes | str, kind: str = "png") -> str:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return f"data:image/{kind};base64,{text}"


def seen(url: Any, **fields: Any) -> list[dict[str, Any]]:
    """A conversation in which the user shows an image."""
    image = {"type": "image_url", "image_url": {"url": url, **fields}}
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]


@pytest.fixture
def seeing(fake: FakeOllama) -> FakeOllama:
    """A server with a model that reads images."""
    fake.models["eye"] = SHOWN | {"capabilities": ["completion", "vision"]}
    return fake


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_sees_is_sent_the_image(seeing: FakeOllama, kind: str) -> None:
    url = data_url(KINDS[kind] + bytes(16), kind)
    model = load(seeing, "eye")
    chat(model, messages=seen(url, detail="low"))
    model.close()
    (message,) = seeing.bodies("/api/chat")[0]["messages"]
    assert message["content"] == "What is it?"
    assert message["images"] == [url.partition(",")[2]]


def test_a_model_that_does_not_see_refuses_by_name(fake: FakeOllama) -> None:
    model = load(fake)
    with pytest.raises(InvalidRequestError, match="'tiny' reads text only") as caught:
        chat(model, messages=seen(data_url(PIXEL)))
    model.close()
    assert caught.value.body["param"] == "messages[0].content"
    assert fake.bodies("/api/chat") == []


def test_an_engine_of_ours_refuses_images_by_name(client: LLMClient) -> None:
    schema = {"type": "json_object"}
    with pytest.raises(InvalidRequestError, match="'tiny' reads text only") as caught:
        client.chat.completions.create(messages=seen(data_url(PIXEL)), response_format=schema)
    assert (caught.value.code, caught.value.body["param"]) == (
        "unsupported_parameter", "messages[0].content")  # fmt: skip
    with pytest.raises(InvalidRequestError, match="reads text only"):
        client.count_tokens(seen(data_url(PIXEL)))
    with pytest.raises(InvalidRequestError, match="reads text only"):
        client.save_state(seen(data_url(PIXEL)), "never.state")


def test_memory_refuses_images(client: LLMClient) -> None:
    client.enable_memory(500)
    try:
        with pytest.raises(InvalidRequestError, match="memory keeps texts"):
            client.chat.completions.create(messages=seen(data_url(PIXEL)))
        assert client.get_memory() == []
    finally:
        client.disable_memory()


def test_decisions_refuse_images(client: LLMClient) -> None:
    message = type("Turn", (), {"role": "user", "content": seen(data_url(PIXEL))[0]["content"]})()
    question = {"type": "predicate", "instructions": "Is it red?"}
    with pytest.raises(InvalidRequestError, match="decisions are made about texts"):
        client.decisions.create(input=[message], questions=[question])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "must be an object with the text url"),
        ("http://example.com/a.png", "no data: URL"),
        ("file:///etc/passwd", "no data: URL"),
        ("data:text/html;base64,PGI+", "no data: URL"),
        ("data:image/svg+xml;base64,PHN2Zz4=", "no data: URL"),
        ("data:image/png,%89PNG", "no data: URL"),
        ("data:image/png;base64,@@@@", "not base64"),
        ("data:image/png;base64,iVBOR", "not base64"),
        ("data:image/png;base64,é", "not base64"),
        (data_url(b"<svg onload=x>"), "no image that can be read"),
        (data_url(b""), "no image that can be read"),
        (data_url(KINDS["png"] + bytes(MAX_IMAGE_BYTES)), "larger than"),
    ],
    ids=["none", "http", "file", "html", "svg", "plain", "text", "cut", "letters", "bytes",
         "empty", "large"],
)  # fmt: skip
def test_what_is_no_image_is_named_and_not_shown(url: Any, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        parse_chat({"messages": seen(url)}, Defaults())
    assert caught.value.body["param"].startswith("messages[0].content[1].image_url")
    assert "example.com" not in str(caught.value)


@pytest.mark.parametrize("detail", ["fine", 3, ["low"]], ids=str)
def test_an_unknown_detail_is_named(detail: Any) -> None:
    with pytest.raises(InvalidRequestError, match="detail must be"):
        parse_chat({"messages": seen(data_url(PIXEL), detail=detail)}, Defaults())


def test_only_users_show_images_and_not_too_many() -> None:
    (message,) = seen(data_url(PIXEL))
    with pytest.raises(InvalidRequestError, match="only a user's"):
        parse_chat({"messages": [message | {"role": "system"}]}, Defaults())
    with pytest.raises(InvalidRequestError, match=f"at most {MAX_IMAGES}"):
        parse_chat({"messages": [message] * (MAX_IMAGES + 1)}, Defaults())


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """Listens on loopback; whatever connects waits in its queue."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        yield trap


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0"],
)
def test_no_address_is_ever_opened(seeing: FakeOllama, trap: socket.socket, host: str) -> None:
    url = f"http://{host}:{trap.getsockname()[1]}/a.png"
    options = LoadOptions(backend="ollama", host=seeing.host)
    with running_server_of("eye", ServerOptions(port=0), options) as server:
        answer = ask(server.url, "/v1/chat/completions", {"messages": seen(url)})
    assert (answer.status, answer.error["param"]) == (400, "messages[0].content[1].image_url.url")
    assert seeing.bodies("/api/chat") == []
    with pytest.raises(BlockingIOError):
        trap.accept()


def test_model_cards_say_who_sees(seeing: FakeOllama, server: LocalServer) -> None:
    options = LoadOptions(backend="ollama", host=seeing.host)
    with running_server_of("eye", ServerOptions(port=0), options) as eye:
        cards = {card["id"]: card for card in ask(eye.url, "/v1/models").json["data"]}
        assert cards["eye"]["capabilities"] == ["completion", "vision"]
        assert "capabilities" not in cards["tiny"]  # not loaded: nobody asked its server
    card = ask(server.url, "/v1/models/tiny").json
    assert card["capabilities"] == ["completion", "embedding", "tools"]
