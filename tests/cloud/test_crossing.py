"""A conversation begun at one provider goes on at any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ParsedChatCompletion

from cloud.llm import ChatMessage, ChatResponse, ToolCall
from cloud.llm.config import ClientConfig
from cloud.llm.events import ResponseAssembler
from LLM import LLM, ChatCompletionResponse, LLMConfig, Message
from LLM.codec import Source, message_list
from LLM.foreign import known_message
from tests.cloud.anthropic import wire as anthropic
from tests.cloud.asked import CODECS, USER, body
from tests.cloud.gemini import wire as gemini
from tests.cloud.official_types import JUDGES
from tests.cloud.ollama import wire as ollama
from tests.cloud.openai import wire as openai
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

THOUGHT, TEXT = "Both want the weather.", "I look that up."
CITIES = ["Paris", "Rome"]
RESULTS = ['{"celsius": 18}', "sunny"]
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds"
REDACTED = "EmwKAhgBEgy3va3pzix"
TOOLS = [
    {
        "name": "get_weather",
        "description": "Tells it.",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
    }
]
THANKS = {"role": "user", "content": "Thanks."}
SOURCE = Source("x.example", "asked-model", None)


def _arguments(city: str) -> dict[str, Any]:
    return {"location": city}


_CALLS = [
    openai.call(f"call_{city}", "get_weather", json.dumps(_arguments(city))) for city in CITIES
]
_MESSAGE = anthropic.message(
    {"type": "redacted_thinking", "data": REDACTED},
    anthropic.thinking(THOUGHT, SIGNATURE),
    anthropic.text(TEXT),
    *(anthropic.tool_use(f"toolu_{city}", "get_weather", _arguments(city)) for city in CITIES),
    stop="tool_use",
)
_PARTS = [
    gemini.text(THOUGHT, thought=True, thoughtSignature=gemini.SIGNATURE),
    gemini.text(TEXT),
    gemini.call("get_weather", _arguments("Paris"), thoughtSignature=gemini.SIGNATURE),
    gemini.call("get_weather", _arguments("Rome")),
]
_SIGNED = {"extra_content": {"google": {"thought_signature": gemini.SIGNATURE}}}
#: Ollama's servers gave no ids before 0.12, and give the same ones in every answer since.
_NAMELESS = [ollama.call("get_weather", _arguments(city)) for city in CITIES]

#: What each provider answers, whole and streamed: a thought, a text and two calls.
ANSWERS: dict[str, tuple[Any, bytes]] = {
    "openai": (
        openai.plain(TEXT, "tool_calls", tool_calls=_CALLS, reasoning_content=THOUGHT),
        openai.sse(
            openai.ROLE,
            openai.chunk(reasoning_content=THOUGHT),
            openai.chunk(content=TEXT),
            *(openai.chunk(tool_calls=[{"index": i, **call}]) for i, call in enumerate(_CALLS)),
            openai.chunk("tool_calls"),
            openai.DONE,
        ),
    ),
    "anthropic": (_MESSAGE, anthropic.stream(_MESSAGE)),
    "gemini": (
        gemini.answer(*_PARTS),
        gemini.stream(*(gemini.answer(part, finish=None) for part in _PARTS), gemini.answer()),
    ),
    "ollama": (
        ollama.whole(TEXT, thinking=THOUGHT, tool_calls=_NAMELESS),
        ollama.lines(
            ollama.piece(thinking=THOUGHT),
            ollama.piece(TEXT),
            *(ollama.piece(tool_calls=[call]) for call in _NAMELESS),
            ollama.last(),
        ),
    ),
}
#: What a provider has signed, and nobody else must see.
SIGNED = {
    "openai": [],
    "anthropic": [SIGNATURE, REDACTED],
    "gemini": [gemini.SIGNATURE],
    "ollama": [],
}


def answer(provider: str, *, stream: bool) -> ChatResponse:
    """What our codec makes of a provider's answer."""
    codec_class, base_url, model = CODECS[provider]
    codec = codec_class(ClientConfig(model=model, base_url=base_url))
    whole, streamed = ANSWERS[provider]
    if not stream:
        return codec.response(json.dumps(whole).encode(), 200, SOURCE)
    decoder, assembler = codec.decoder(200, SOURCE), ResponseAssembler(model)
    for event in decoder.feed(streamed):
        assembler.add(event)
    for event in () if decoder.done else decoder.finish():
        assembler.add(event)
    response = assembler.response()
    assert response is not None
    return response


def round_of(response: ChatResponse) -> list[Any]:
    """An answer and the results of its calls, as messages."""
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": result}
        for call, result in zip(response.tool_calls, RESULTS, strict=True)
    ]
    return [response.to_message(), *results]


#: An entry of a body in plain words: its kind, its id, and what it says.
Said = tuple[str, str, Any]


def _of_openai(sent: Any) -> list[Said]:
    found: list[Said] = []
    for message in sent["messages"]:
        if message["role"] == "tool":
            found.append(("result", message["tool_call_id"], message["content"]))
        elif message["content"]:
            found.append((message["role"], "", message["content"]))
        found += [
            ("call", call["id"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls", ())
        ]
    return found


def _of_anthropic(sent: Any) -> list[Said]:
    found: list[Said] = []
    for turn in sent["messages"]:
        blocks = turn["content"]
        for block in blocks if isinstance(blocks, list) else [anthropic.text(blocks)]:
            if block["type"] == "text":
                found.append((turn["role"], "", block["text"]))
            elif block["type"] == "tool_use":
                found.append(("call", block["id"], block["input"]))
            elif block["type"] == "tool_result":
                found.append(("result", block["tool_use_id"], block["content"]))
    return found


def _of_gemini(sent: Any) -> list[Said]:
    found: list[Said] = []
    for turn in sent["contents"]:
        for part in turn["parts"]:
            if call := part.get("functionCall"):
                found.append(("call", call["id"], call["args"]))
            elif response := part.get("functionResponse"):
                told = response["response"]
                told = told["result"] if "result" in told else json.dumps(told)
                found.append(("result", response["id"], told))
            elif not part.get("thought"):
                role = "assistant" if turn["role"] == "model" else "user"
                found.append((role, "", part["text"]))
    return found


def _of_ollama(sent: Any) -> list[Said]:
    found: list[Said] = []
    for message in sent["messages"]:
        if message["role"] == "tool":
            assert message["tool_name"] == "get_weather"
            found.append(("result", message["tool_call_id"], message["content"]))
        elif message["content"]:
            found.append((message["role"], "", message["content"]))
        found += [
            ("call", call["id"], call["function"]["arguments"])
            for call in message.get("tool_calls", ())
        ]
    return found


READERS: dict[str, Callable[[Any], list[Said]]] = {
    "openai": _of_openai,
    "anthropic": _of_anthropic,
    "gemini": _of_gemini,
    "ollama": _of_ollama,
}
PAIRS = [(one, other) for one in CODECS for other in CODECS]


def check_rounds(said: list[Said], n_rounds: int) -> None:
    """All of the rounds is there, in order, each result under its call's id, and no id twice."""
    assert said[0] == ("user", "", "Hello!")
    ids = []
    for start in range(1, 1 + 5 * n_rounds, 5):
        text, *calls, one, other = said[start : start + 5]
        assert text == ("assistant", "", TEXT)
        assert [(kind, told) for kind, _, told in calls] == [
            ("call", _arguments(city)) for city in CITIES
        ]
        ids += [call_id for _, call_id, _ in calls]
        assert [one, other] == [
            ("result", call_id, result)
            for (_, call_id, _), result in zip(calls, RESULTS, strict=True)
        ]
    assert said[1 + 5 * n_rounds :] == [("user", "", "Thanks.")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("one", "other"), PAIRS, ids=map(" to ".join, PAIRS))
def test_conversations_go_on_at_another_provider(one: str, other: str, stream: bool) -> None:
    response = answer(one, stream=stream)
    assert response.reasoning == THOUGHT
    rounds = [*round_of(response), *round_of(response)]
    sent = body(other, [USER, *rounds, THANKS], stream=stream, tools=TOOLS)
    JUDGES[other]()(sent)
    check_rounds(READERS[other](sent), 2)
    text = json.dumps(sent)
    for signature in SIGNED[one]:
        assert (signature in text) is (one == other)
    assert (THOUGHT in text) is ((one, other) in KEPT)


#: Who is told what was thought: its signer, and Ollama's models what nobody has signed.
KEPT = {
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("openai", "ollama"),
    ("ollama", "ollama"),
}


def test_a_thought_comes_back_before_what_it_led_to() -> None:
    sent = body("anthropic", [USER, *round_of(answer("anthropic", stream=False))])
    assert sent["messages"][1] == {"role": "assistant", "content": _MESSAGE["content"]}


def test_conversations_may_pass_through_all_providers() -> None:
    rounds = [turn for one in CODECS for turn in round_of(answer(one, stream=False))]
    for other in CODECS:
        sent = body(other, [USER, *rounds, THANKS], tools=TOOLS)
        JUDGES[other]()(sent)
        check_rounds(READERS[other](sent), len(CODECS))


def test_googles_two_languages_share_signatures() -> None:
    called = [{**_CALLS[0], **_SIGNED}, _CALLS[1]]
    whole = json.dumps(openai.plain(TEXT, "tool_calls", tool_calls=called)).encode()
    codec_class, _, model = CODECS["openai"]
    google = "https://generativelanguage.googleapis.com/v1beta/openai"
    codec = codec_class(ClientConfig(model=model, base_url=google))
    sent = body("gemini", [USER, *round_of(codec.response(whole, 200, SOURCE))])
    assert sent["contents"][1]["parts"][1]["thoughtSignature"] == gemini.SIGNATURE


_ANSWERED = ANSWERS["openai"][0]
_RESULTS = [
    {"role": "tool", "tool_call_id": call["id"], "content": result}
    for call, result in zip(_CALLS, RESULTS, strict=True)
]
#: The same turn as other libraries, and other classes of ours, keep it.
_CHOSEN = ChatCompletion.model_validate(_ANSWERED).choices[0].message
_OURS = [ToolCall.from_openai(call) for call in _CALLS]
TURNS: dict[str, Any] = {
    "openai's object": _CHOSEN,
    "openai's parsed object": ParsedChatCompletion.model_validate(_ANSWERED).choices[0].message,
    "openai's dump": _CHOSEN.model_dump(),
    "LLM's answer": ChatCompletionResponse.model_validate(_ANSWERED).choices[0].message,
    "LLM's message": Message.model_validate(
        {"role": "assistant", "content": TEXT, "tool_calls": _CALLS}
    ),
    "our message": ChatMessage("assistant", TEXT, tool_calls=_OURS),
    "our calls in a dict": {
        "role": "assistant",
        "content": TEXT,
        "tool_calls": _OURS,
    },
    "openai's calls in a dict": {
        "role": "assistant",
        "content": TEXT,
        "tool_calls": _CHOSEN.tool_calls,
    },
}


@pytest.mark.parametrize("kind", TURNS)
@pytest.mark.parametrize("other", CODECS)
def test_turns_of_all_kinds_are_messages(other: str, kind: str) -> None:
    messages = [
        ChatMessage("user", "Hello!"),
        TURNS[kind],
        *_RESULTS,
        THANKS,
    ]
    sent = body(other, messages, tools=TOOLS)
    JUDGES[other]()(sent)
    check_rounds(READERS[other](sent), 1)


@pytest.mark.parametrize("one", CODECS)
def test_openai_knows_all_that_llm_sends_of_other_clients_turns(one: str) -> None:
    turns = round_of(answer(one, stream=False))
    known = [known_message(message, at_openai=True) for message in [USER, *turns, THANKS]]
    sent = {"model": "m", "messages": known}
    JUDGES["openai"]()(sent)
    check_rounds(READERS["openai"](sent), 1)


@pytest.mark.parametrize("kind", TURNS)
def test_llm_takes_turns_of_all_kinds(kind: str) -> None:
    messages = [USER, TURNS[kind], *_RESULTS, THANKS]
    with (
        ScriptedServer((wire.answer(openai.plain("Hi.")),)) as server,
        LLM(LLMConfig(base_url=server.url, model="m")) as llm,
    ):
        llm.chat_completion(messages)
        check_rounds(READERS["openai"](json.loads(server.bodies[-1])), 1)
    known = [known_message(message, at_openai=True) for message in message_list(messages)]
    JUDGES["openai"]()({"model": "m", "messages": known})


def test_llm_leaves_other_servers_what_they_may_want_back() -> None:
    turn = answer("anthropic", stream=False).to_message()
    assert "thinking_blocks" in known_message(turn, at_openai=False)  # LiteLLM's proxy does
    assert "thinking" not in known_message({**turn, "thinking": "Hm."}, at_openai=False)
