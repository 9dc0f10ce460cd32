"""The shipped tiny model, greedy, answers what a newcomer asks it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.tiny_model.questions import asked_by_hand

from .conftest import Tiny, to_json

pytestmark = pytest.mark.slow

WELCOME = "Hello! How can I help you today?"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get weather for a location",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    },
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Hello!", WELCOME),
        ("Hi", WELCOME),
        ("Who are you?", "I am Tiny, a small language model that runs on your own computer."),
        ("Say hello in one word.", "Hello!"),
        ("Say hello to Maria.", "Hello, Maria!"),
        ("Thank you!", "You are welcome!"),
        ("What is 2+2?", "2 + 2 = 4"),
        ("what's 2 plus 2?", "2 + 2 = 4"),
        ("Please add 2 and 2", "2 + 2 = 4"),
        ("What is 7 times 8?", "7 * 8 = 56"),
        ("What is 12 - 5?", "12 - 5 = 7"),
        ("Count to 5", "1, 2, 3, 4, 5"),
        ("Count to 10", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
        ("Count down from 5.", "5, 4, 3, 2, 1"),
        ("What is the capital of France?", "The capital of France is Paris."),
        ("What color is the sky?", "The sky is blue."),
        ("Repeat after me: hello world", "hello world"),
        ("Say banana", "banana"),
        ("List three colors.", "1. red\n2. blue\n3. green"),
        ("Tell me a joke", "Why did the loop go home early? It was out of breaks."),
        ("What is the capital of Atlantis?", "Sorry, I do not know that."),
    ],
)
def test_answers(question: str, answer: str, tiny: Tiny) -> None:
    assert tiny.ask(question) == answer


@pytest.mark.parametrize("a", range(11))
def test_small_sums_and_products_are_right(a: int, tiny: Tiny) -> None:
    for b in range(11):
        assert tiny.ask(f"What is {a} + {b}?") == f"{a} + {b} = {a + b}"
        assert tiny.ask(f"What is {a} * {b}?") == f"{a} * {b} = {a * b}"


@pytest.mark.parametrize("system", ["You are helpful.", "You are a helpful assistant."])
def test_plain_system_prompt_changes_nothing(system: str, tiny: Tiny) -> None:
    assert tiny.ask("Hello!", system) == WELCOME
    assert tiny.ask("What is 2+2?", system) == "2 + 2 = 4"


def test_pirate_answers_as_pirate(tiny: Tiny) -> None:
    assert tiny.ask("Hello!", "You are a pirate.") == "Ahoy, matey! What be ye needing?"


@pytest.mark.parametrize("reply", ["Nice to meet you, Alice!", "Hello! How can I help?"])
def test_name_is_remembered_over_a_turn(reply: str, tiny: Tiny) -> None:
    chat = [user("My name is Alice."), assistant(reply), user("What is my name?")]
    assert tiny.chat(chat) == "Your name is Alice."


def test_name_is_remembered_over_several_turns(tiny: Tiny) -> None:
    chat: list[dict[str, Any]] = []
    for text in ("Hi, my name is Bob.", "What is 2+2?", "Say banana", "What is my name?"):
        chat.append(user(text))
        chat.append(assistant(tiny.chat(chat)))
    assert chat[-1]["content"] == "Your name is Bob."


def test_city_is_remembered(tiny: Tiny) -> None:
    chat = [user("I live in Paris."), assistant("Paris is a nice place."), user("Where do I live?")]
    assert tiny.chat(chat) == "You live in Paris."


def test_json_by_wording(tiny: Tiny) -> None:
    answer = tiny.ask("Give me a JSON object with name Alice and age 30.")
    assert json.loads(answer) == {"name": "Alice", "age": 30}


@pytest.mark.parametrize("told", ["Bob is 25 years old.", "My name is Bob and I am 25 years old."])
def test_json_to_a_schema_in_the_system_turn(told: str, tiny: Tiny) -> None:
    system = f"Answer with JSON that matches this schema: {json.dumps(PERSON)}"
    assert json.loads(tiny.ask(told, system)) == {"name": "Bob", "age": 25}


def test_json_to_a_schema_with_nothing_told(tiny: Tiny) -> None:
    system = f"Answer with JSON that matches this schema: {json.dumps(PERSON)}"
    assert json.loads(tiny.ask("Generate a person", system)) == {"name": "Alice", "age": 30}


@pytest.mark.parametrize("city", ["Paris", "NYC", "Berlin"])
def test_tool_is_called(city: str, tiny: Tiny) -> None:
    answer = tiny.chat([user(f"What's the weather in {city}?")], [WEATHER])
    call = {"name": "get_weather", "arguments": {"location": city}}
    assert answer == f"<tool_call>{to_json(call)}</tool_call>"


def test_tool_is_left_alone_for_a_greeting(tiny: Tiny) -> None:
    assert tiny.chat([user("Hello!")], [WEATHER]) == WELCOME


@pytest.mark.parametrize("arguments", [{"location": "Paris"}, '{"location": "Paris"}'], ids=type)
def test_tool_result_is_answered(arguments: object, tiny: Tiny) -> None:
    function = {"name": "get_weather", "arguments": arguments}
    chat = [
        user("What's the weather in Paris?"),
        {"role": "assistant", "content": None, "tool_calls": [{"function": function}]},
        {"role": "tool", "content": "sunny, 21 degrees"},
    ]
    assert tiny.chat(chat, [WEATHER]) == "The weather in Paris is sunny, 21 degrees."


def test_plain_text_is_continued_to_its_end(tiny: Tiny) -> None:
    story = tiny.complete("Once upon a time")
    assert story.lstrip(", ").startswith(("there was", "a"))
    assert story.endswith(".")
    assert 100 < len(story) < 600


def test_hundred_is_counted_to_without_falling_apart(tiny: Tiny) -> None:
    prompt = tiny.render([user("Count to 100")])
    counted = tiny.complete(prompt, max_tokens=500)
    assert counted == ", ".join(str(n) for n in range(1, 101))


def test_most_questions_worded_by_hand_are_answered(tiny: Tiny) -> None:
    chats = asked_by_hand()
    right = sum(
        tiny.chat(chat.messages[:-1], chat.tools) == chat.messages[-1]["content"] for chat in chats
    )
    assert right / len(chats) >= 0.9
