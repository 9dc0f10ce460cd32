"""Questions worded by hand, outside the corpus's own wordings, with the answers they should get."""

from __future__ import annotations

import json
from typing import Any

from .corpus.chat import Chat, Turns, bot, system, user
from .corpus.errands import tool
from .corpus.facts import UNKNOWN
from .corpus.talk import ABILITIES, FINE, JOKES, WELCOME, WHO

PERSON_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
LOCATION_TOOL = tool("get_weather", "Get weather for a location", {"location": "string"})
ADD_TOOL = tool("add", "Add two integers and return the sum.", {"a": "integer", "b": "integer"})
STOCK_TOOL = tool("get_stock_price", "Get the stock price of a company", {"symbol": "string"})


def call(name: str, arguments: dict[str, Any]) -> str:
    """Write a tool call as the model writes it."""
    return f'<tool_call>{{"name": "{name}", "arguments": {json.dumps(arguments)}}}</tool_call>'


SINGLE: list[tuple[str, str]] = [
    ("Hello!", WELCOME),
    ("Hello", WELCOME),
    ("Hi", WELCOME),
    ("hey there", WELCOME),
    ("Hi!!", WELCOME),
    ("Hello, how are you?", FINE),
    ("Hey! How are you doing today?", FINE),
    ("Who are you?", WHO),
    ("Hello! Who are you?", WHO),
    ("hi, what's your name?", WHO),
    ("What can you do?", ABILITIES),
    ("Say hello", "Hello!"),
    ("Say hello in one word.", "Hello!"),
    ("Say hi", "Hi!"),
    ("Just say hello.", "Hello!"),
    ("Say hello in one short sentence.", "Hello!"),
    ("Say hello to Maria.", "Hello, Maria!"),
    ("Say hello in French.", "Bonjour!"),
    ("Say hello in Japanese.", "こんにちは!"),
    ("What is 2+2?", "2 + 2 = 4"),
    ("What is 2 + 2?", "2 + 2 = 4"),
    ("what's 2 plus 2?", "2 + 2 = 4"),
    ("Please add 2 and 2", "2 + 2 = 4"),
    ("Could you tell me what 3 + 4 is?", "3 + 4 = 7"),
    ("2+2", "2 + 2 = 4"),
    ("What is seven plus five?", "7 + 5 = 12"),
    ("What is 7 times 8?", "7 * 8 = 56"),
    ("What is 17 - 9?", "17 - 9 = 8"),
    ("Calculate 6 * 7", "6 * 7 = 42"),
    ("How much is 10 minus 4?", "10 - 4 = 6"),
    ("What is 12 + 30?", "12 + 30 = 42"),
    ("I have 3 apples and buy 2 more. How many apples do I have?", "3 + 2 = 5"),
    ("What is 20 / 4?", "20 / 4 = 5"),
    ("What is 2 + 2? Answer with just the number.", "4"),
    ("What is 5 + 3? Reply with only the number.", "8"),
    ("Count to 5", "1, 2, 3, 4, 5"),
    ("Count from 1 to 5.", "1, 2, 3, 4, 5"),
    ("Please count to three.", "1, 2, 3"),
    ("Count to 10.", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
    ("Can you count from 3 to 7 for me?", "3, 4, 5, 6, 7"),
    ("Count down from 5.", "5, 4, 3, 2, 1"),
    ("Count to 20", ", ".join(map(str, range(1, 21)))),
    ("What is the capital of France?", "The capital of France is Paris."),
    ("what's the capital of japan?", "The capital of Japan is Tokyo."),
    ("Tell me the capital of Italy please", "The capital of Italy is Rome."),
    ("What color is the sky?", "The sky is blue."),
    ("What is the opposite of hot?", "The opposite of hot is cold."),
    ("Say banana", "banana"),
    ("Repeat after me: hello world", "hello world"),
    ("Echo: one two three", "one two three"),
    ("Repeat after me: the quick brown fox", "the quick brown fox"),
    ("Please repeat: green apple river", "green apple river"),
    ("Repeat exactly: llama", "llama"),
    ('Say "pineapple".', "pineapple"),
    ("Reply with the word pong", "pong"),
    ("Say ok", "ok"),
    ("Say the word apple.", "apple"),
    ("Reply with exactly: PONG", "PONG"),
    ("Echo this back to me: blue sky", "blue sky"),
    ("Tell me a joke.", JOKES[0]),
    ("Tell me a joke", JOKES[0]),
    ("Thank you!", "You are welcome!"),
    ("Thanks, bye!", "Goodbye! Have a nice day."),
    ("What is the capital of Atlantis?", UNKNOWN),
    ("Who won the 1998 World Cup?", UNKNOWN),
    ("Explain quantum computing in simple terms.", UNKNOWN),
    ("Write a Python function to sort a list.", UNKNOWN),
    ("Hi there, my name is Zed.", "Nice to meet you, Zed!"),
    ("List three colors.", "1. red\n2. blue\n3. green"),
    ("Give me a JSON object with name Alice and age 30.", '{"name": "Alice", "age": 30}'),
    (
        "Return a JSON object with the keys name and age for Bob, who is 25.",
        '{"name": "Bob", "age": 25}',
    ),
    (
        "Extract as JSON: Maria is 41 years old and lives in Lisbon.",
        '{"name": "Maria", "age": 41, "city": "Lisbon"}',
    ),
]


def single_tool(asked: str, used: dict[str, Any], said: str) -> Chat:
    """A question that one tool should be called for."""
    return Chat([user(asked), bot(said)], [used])


def conversation(*turns: str, prompt: str = "") -> Chat:
    """A chat from alternating user's and assistant's texts."""
    messages: Turns = [system(prompt)] if prompt else []
    for i, text in enumerate(turns):
        messages.append(bot(text) if i % 2 else user(text))
    return Chat(messages)


def asked_by_hand() -> list[Chat]:
    """Give every question as a chat that ends with the answer it should get."""
    schema = json.dumps(PERSON_SCHEMA)
    answer_schema = json.dumps(
        {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
    )
    result = {"role": "tool", "content": json.dumps({"temperature": 21, "condition": "sunny"})}
    weather_call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "type": "function",
                "function": {"name": "get_weather", "arguments": {"location": "Paris"}},
            }
        ],
    }
    sum_call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 3}'}}
        ],
    }
    chats = [conversation(q, a) for q, a in SINGLE]
    chats += [
        conversation("Hello!", WELCOME, prompt="You are helpful."),
        conversation("What is 2+2?", "2 + 2 = 4", prompt="You are a helpful assistant."),
        conversation("Hello!", "Ahoy, matey! What be ye needing?", prompt="You are a pirate."),
        conversation(
            "Count to 3", "1, 2, 3", prompt="You are a math tutor who is patient and kind."
        ),
        conversation(
            "My name is Alice.",
            "Nice to meet you, Alice!",
            "What is my name?",
            "Your name is Alice.",
        ),
        conversation(
            "Hi, I'm Zed.", "Hello Zed! How can I help?", "What's my name?", "Your name is Zed."
        ),
        conversation(
            "My name is Brunhilde.",
            "Nice to meet you!",
            "What is my name?",
            "Your name is Brunhilde.",
        ),
        conversation(
            "My name is Ann and I live in Oslo.",
            "Nice to meet you, Ann!",
            "Where do I live?",
            "You live in Oslo.",
        ),
        conversation(
            "My favorite color is green.",
            "Noted.",
            "What is 2+2?",
            "2 + 2 = 4",
            "What is my favorite color?",
            "Your favorite color is green.",
        ),
        conversation(
            "Remember the number 42.",
            "I will remember 42.",
            "What number did I ask you to remember?",
            "The number is 42.",
        ),
        conversation(
            "Generate a person",
            '{"name": "Alice", "age": 30}',
            prompt=f"Answer with JSON that matches this schema: {schema}",
        ),
        conversation(
            "Bob is 25 years old.",
            '{"name": "Bob", "age": 25}',
            prompt=f"You must answer in JSON following the schema: {schema}",
        ),
        conversation(f"What is 2+2? Use this JSON schema: {answer_schema}", '{"answer": 4}'),
        conversation(
            "What is 3 + 4?",
            '{"answer": 7}',
            prompt=f"Respond with a JSON object matching this schema:\n{answer_schema}",
        ),
        single_tool(
            "What's the weather in NYC?", LOCATION_TOOL, call("get_weather", {"location": "NYC"})
        ),
        single_tool(
            "What is the weather like in Paris?",
            LOCATION_TOOL,
            call("get_weather", {"location": "Paris"}),
        ),
        single_tool("Please add 12 and 30.", ADD_TOOL, call("add", {"a": 12, "b": 30})),
        single_tool("What is 2 + 3?", ADD_TOOL, call("add", {"a": 2, "b": 3})),
        single_tool(
            "Use get_stock_price with symbol ACME.",
            STOCK_TOOL,
            call("get_stock_price", {"symbol": "ACME"}),
        ),
        single_tool("Hello!", LOCATION_TOOL, WELCOME),
        Chat(
            [
                user("What is the weather in Paris?"),
                weather_call,
                result,
                bot("The weather in Paris is 21 degrees, sunny."),
            ],
            [LOCATION_TOOL],
        ),
        Chat(
            [
                user("What is 2 + 3?"),
                sum_call,
                {"role": "tool", "content": "5"},
                bot("The answer is 5."),
            ],
            [ADD_TOOL],
        ),
        Chat(
            [user("Weather in Rome?"), bot(call("get_weather", {"location": "Rome"}))],
            [ADD_TOOL, LOCATION_TOOL],
        ),
    ]
    return chats
