"""Tools that programs have, each with a question that needs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from .phrasing import loosen, request
from .words import SKIES, city, person, word

Tool = dict[str, Any]


@dataclass(frozen=True)
class Errand:
    """A tool with a question that needs it.

    :ivar calls: the arguments of each call, in order.
    :ivar results: what the tool answers to each call.
    :ivar final: the answer that the model makes of the results.
    """

    tool: Tool
    asked: str
    calls: list[dict[str, Any]]
    results: list[str]
    final: str


def tool(
    name: str, about: str, required: dict[str, str], optional: dict[str, Any] | None = None
) -> Tool:
    """Define a function tool in OpenAI's shape.

    :param required: parameter names and their JSON types.
    :param optional: parameter names and their whole schemas.
    """
    properties: dict[str, Any] = {k: {"type": v} for k, v in required.items()}
    properties.update(optional or {})
    function: Tool = {
        "name": name,
        "parameters": {"type": "object", "properties": properties, "required": list(required)},
    }
    if about:
        function["description"] = about
    return {"type": "function", "function": function}


def weather_result(r: Random) -> tuple[str, str]:
    """What a weather tool answers, and the same in words."""
    sky, degrees = r.choice(SKIES), r.randint(-10, 40)
    heat = r.choice(["temp", "temperature", "degrees", "temperature_c"])
    look = r.choice(["sky", "condition", "weather", "conditions", "forecast"])
    warm = f"{degrees} degrees"
    return r.choice(
        [
            (json.dumps({look: sky, heat: degrees}), f"{sky}, {warm}"),
            (json.dumps({heat: degrees, look: sky}), f"{warm}, {sky}"),
            (json.dumps({heat: degrees}), warm),
            (json.dumps({look: sky}), sky),
            (f"{sky}, {degrees} degrees", f"{sky}, {warm}"),
            (f"{sky} and {degrees} degrees", f"{sky} and {warm}"),
            (sky, sky),
            (f"{sky}, {degrees}", f"{sky}, {degrees}"),
            (f"{degrees} degrees", warm),
        ]
    )


def weather(r: Random) -> Errand:
    """The weather in one city, now and then in two."""
    key = r.choice(["city", "city", "location", "location", "place", "town"])
    unit = {"unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}}
    has_unit = r.random() < 0.3
    made = tool(
        r.choice(
            [
                "get_weather",
                "get_weather",
                "get_current_weather",
                "weather",
                "weather_now",
                "getWeather",
            ]
        ),
        r.choice(
            [
                "Get the weather in a city",
                "Get weather for a location",
                "Get the current weather",
                "",
                "Get the current weather in a given location",
                "Look up the weather",
            ]
        ),
        {key: "string"},
        unit if has_unit else None,
    )
    if r.random() < 0.12:
        places = [city(r) for _ in range(r.choice((2, 2, 3)))]
        listed = ", ".join(places[:-1])
        answers = [weather_result(r) for _ in places]
        asked = r.choice(
            [
                "What is the weather in {} and {}?",
                "What is the weather in {} and in {}?",
                "What's the weather like in {} and {}?",
                "How is the weather in {} and {}?",
                "Compare the weather in {} and {}.",
            ]
        ).format(listed, places[-1])
        final = " ".join(
            f"The weather in {p} is {words}." for p, (_, words) in zip(places, answers, strict=True)
        )
        return Errand(
            made, loosen(r, asked), [{key: p} for p in places], [raw for raw, _ in answers], final
        )
    place = city(r)
    if r.random() < 0.08:
        place += ", " + r.choice(["France", "CA", "Germany", "UK", "Japan", "USA"])
    arguments = {key: place}
    asked = r.choice(
        [
            "What is the weather in {}?",
            "What's the weather in {}?",
            "How is the weather in {}?",
            "What's the weather like in {}?",
            "Weather in {}?",
            "What is the weather like in {} today?",
            "Tell me the weather in {}.",
            "Is it raining in {}?",
            "How warm is it in {}?",
            "Is it cold in {}?",
            "What is the weather in {} today?",
            "Can you tell me the weather in {}?",
            "Check the weather in {}.",
            "What is the temperature in {}?",
            "Do I need an umbrella in {}?",
            "Please get the weather for {}.",
            "Get the weather in {}.",
            "What's the weather in {} right now?",
            "I am in {}. How is the weather?",
            "Look up the weather for {}.",
        ]
    ).format(place)
    if has_unit and r.random() < 0.5:
        chosen = r.choice(["celsius", "fahrenheit"])
        arguments["unit"] = chosen
        asked = asked.rstrip("?.") + f" in {r.choice([chosen, chosen.capitalize()])}?"
    raw, words = weather_result(r)
    return Errand(made, loosen(r, asked), [arguments], [raw], f"The weather in {place} is {words}.")


def calculator(r: Random) -> Errand:
    """Adding or multiplying two numbers with a tool."""
    if r.random() < 0.15:
        return expression_tool(r)
    first, second = r.choice(
        [("a", "b"), ("a", "b"), ("x", "y"), ("first", "second"), ("left", "right")]
    )
    kind = r.choice(["integer", "integer", "number"])
    a, b = r.randint(0, 10 ** r.randint(1, 4)), r.randint(0, 10 ** r.randint(1, 4))
    name, verb, about, value = r.choice(
        [
            ("add", "add", "Add two numbers", a + b),
            ("add", "add", "Add two numbers", a + b),
            ("add_numbers", "add", "Add two integers", a + b),
            ("sum", "add", "", a + b),
            ("multiply", "multiply", "Multiply two numbers", a * b),
            ("mul", "multiply", "Multiply a and b", a * b),
        ]
    )
    sign, spoken = {"add": ("+", "plus"), "multiply": ("*", "times")}[verb]
    asked = r.choice(
        [
            loosen(r, f"What is {a} {sign} {b}?"),
            loosen(r, f"What is {a}{sign}{b}?"),
            loosen(r, f"What is {a} {spoken} {b}?"),
            request(r, f"{verb.capitalize()} {a} and {b}"),
            request(r, f"Use the tool to {verb} {a} and {b}"),
            loosen(r, f"How much is {a} {sign} {b}?"),
            request(r, f"Use the {name} tool on {a} and {b}"),
            request(r, f"Calculate {a} {sign} {b}"),
        ]
    )
    raw = r.choice(
        [str(value), json.dumps({r.choice(["result", "sum", "value", "answer"]): value})]
    )
    return Errand(
        tool(name, about, {first: kind, second: kind}),
        asked,
        [{first: a, second: b}],
        [raw],
        f"The answer is {value}.",
    )


def expression_tool(r: Random) -> Errand:
    """A calculator that takes the whole expression as text."""
    a, b, sign = r.randint(0, 200), r.randint(1, 200), r.choice("+-*")
    value = {"+": a + b, "-": a - b, "*": a * b}[sign]
    name = r.choice(["calculate", "calculator", "evaluate", "compute", "calc"])
    asked = r.choice(
        [
            loosen(r, f"What is {a} {sign} {b}?"),
            request(r, f"Calculate {a} {sign} {b}"),
            loosen(r, f"How much is {a} {sign} {b}?"),
        ]
    )
    key = r.choice(["expression", "expression", "expr", "formula"])
    about = r.choice(
        ["Evaluate an expression", "Calculate an expression", "A calculator", "Do math", ""]
    )
    return Errand(
        tool(name, about, {key: "string"}),
        asked,
        [{key: f"{a} {sign} {b}"}],
        [str(value)],
        f"The answer is {value}.",
    )


def search(r: Random) -> Errand:
    """A web or document search."""
    key = r.choice(["query", "query", "q", "text", "term"])
    subject = " ".join(word(r) for _ in range(r.randint(1, 3)))
    name = r.choice(["search", "web_search", "search_web", "find", "lookup", "search_documents"])
    about = r.choice(
        ["Search the web", "Search for a text", "Find documents", "", "Search the internet"]
    )
    asked = request(
        r,
        r.choice(
            [
                f"Search for {subject}",
                f"Find {subject}",
                f"Look up {subject}",
                f"Search the web for {subject}",
                f"Find out about {subject}",
                f"Google {subject}",
            ]
        ),
    )
    found = f"{word(r)} {word(r)} {word(r)}"
    raw = r.choice(
        [
            found,
            json.dumps({"results": [found]}),
            json.dumps({"result": found}),
            json.dumps([found]),
        ]
    )
    return Errand(
        tool(name, about, {key: "string"}),
        asked,
        [{key: subject}],
        [raw],
        f"I found this: {found}.",
    )


def clock(r: Random) -> Errand:
    """The time, in a city or here; the latter takes no arguments."""
    hour = f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}"
    raw = r.choice([hour, json.dumps({"time": hour})])
    name = r.choice(["get_time", "get_current_time", "time", "current_time", "clock"])
    if r.random() < 0.5:
        asked = r.choice(
            [
                "What time is it?",
                "What is the time?",
                "Tell me the time.",
                "What time is it now?",
                "What's the time?",
                "Can you tell me the time?",
            ]
        )
        return Errand(
            tool(name, r.choice(["Get the time", "Get the current time", ""]), {}),
            loosen(r, asked),
            [{}],
            [raw],
            f"It is {hour}.",
        )
    key, place = r.choice(["city", "timezone", "location", "place"]), city(r)
    asked = r.choice(
        [
            f"What time is it in {place}?",
            f"What is the time in {place}?",
            f"Tell me the time in {place}.",
        ]
    )
    return Errand(
        tool(
            name, r.choice(["Get the time in a city", "Get the current time", ""]), {key: "string"}
        ),
        loosen(r, asked),
        [{key: place}],
        [raw],
        f"It is {hour} in {place}.",
    )


def message(r: Random) -> Errand:
    """Sending a text to somebody."""
    who, text = person(r), " ".join(word(r) for _ in range(r.randint(1, 4)))
    to, body = r.choice(
        [("to", "text"), ("to", "body"), ("recipient", "message"), ("name", "text")]
    )
    name = r.choice(["send_message", "send_email", "send_mail", "send_text"])
    noun = r.choice(["a message", "a message", "an email"])
    asked = r.choice(
        [
            f"Send {noun} to {who}: {text}",
            f"Send {who} the message {text}",
            f"Tell {who}: {text}",
            f'Send "{text}" to {who}.',
        ]
    )
    raw = r.choice(["sent", "ok", json.dumps({"status": "sent"}), json.dumps({"ok": True}), "done"])
    return Errand(
        tool(
            name, r.choice(["Send a message", "Send an email", ""]), {to: "string", body: "string"}
        ),
        asked,
        [{to: who, body: text}],
        [raw],
        f"I sent it to {who}.",
    )
