"""Conversations with tools: the call, its result, and the answer made of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from .chat import Chat, Message, Turns, bot, system, user
from .phrasing import loosen, request
from .words import NOUNS, SKIES, VOWELS, city, made_up_word, person, word

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


FACTORIES: list[Callable[[Random], Any]] = [word, person, city]
VERBS = """
get find make open start stop set read write count check list play order book show load buy
""".split()


def any_tool(r: Random) -> Errand:
    """A tool nobody has seen: random name, random parameters, called as the user says."""
    verb, noun = r.choice(VERBS), r.choice(NOUNS) if r.random() < 0.6 else made_up_word(r)
    name = r.choice(
        [
            f"{verb}_{noun}",
            f"{verb}_{noun}",
            made_up_word(r),
            f"{verb}{noun.capitalize()}",
            f"{made_up_word(r)}_{r.choice(VOWELS)}{made_up_word(r)}",
        ]
    )
    kinds: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    while len(kinds) < r.choice((1, 1, 2, 2, 3)):
        key = r.choice(
            [
                "name",
                "city",
                "count",
                "size",
                "color",
                "id",
                "path",
                "user",
                "item",
                "amount",
                "text",
                r.choice(NOUNS),
                made_up_word(r),
            ]
        )
        if key in ("count", "size", "id", "amount") or r.random() < 0.2:
            kinds[key], arguments[key] = "integer", r.randint(0, 999)
        else:
            kinds[key], arguments[key] = "string", r.choice(FACTORIES)(r)
    told = r.choice([", ".join, " and ".join])(
        [r.choice([f"{k} {v}", f"{k} {v}", f"{k} = {v}"]) for k, v in arguments.items()]
    )
    about = r.choice([f"{verb.capitalize()} the {noun}", f"{verb.capitalize()} a {noun}", ""])
    by_name = not about or r.random() < 0.5
    asked = r.choice(
        [
            f"Use {name} with {told}",
            f"Call {name} with {told}",
            f"Use the {name} tool with {told}",
            f"Call the {name} function with {told}",
            f"Run {name} with {told}",
        ]
        if by_name
        else [
            f"{verb.capitalize()} the {noun} with {told}",
            f"{verb.capitalize()} a {noun} with {told}",
        ]
    )
    if len(arguments) == 1 and r.random() < 0.5:
        (only,) = arguments.values()
        asked = r.choice(
            [
                f"{verb.capitalize()} the {noun} {only}",
                f"{verb.capitalize()} the {noun} of {only}",
                f"{verb.capitalize()} the {noun} for {only}",
                f"{verb.capitalize()} {noun} {only}",
                f"What is the {noun} of {only}?",
            ]
        )
        name, about = (
            f"{verb}_{noun}",
            r.choice([f"{verb.capitalize()} the {noun}", f"{verb.capitalize()} a {noun}", ""]),
        )
    value = r.choice([r.choice(["done", "ok", "ready"]), word(r), r.randint(0, 999)])
    raw = r.choice(
        [str(value), json.dumps({r.choice(["result", "value", "status", "answer"]): value})]
    )
    return Errand(
        tool(name, about, kinds),
        asked if asked[-1] == "?" else request(r, asked),
        [arguments],
        [raw],
        f"The result is {value}.",
    )


ERRANDS: list[Callable[[Random], Errand]] = [
    weather,
    weather,
    weather,
    calculator,
    calculator,
    search,
    clock,
    message,
    any_tool,
    any_tool,
]


def call_turn(errand: Errand) -> Message:
    """The assistant's turn that calls a tool."""
    name = errand.tool["function"]["name"]
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"type": "function", "function": {"name": name, "arguments": a}} for a in errand.calls
        ],
    }


def second_errand(r: Random, first: Errand) -> Turns:
    """Ask for the same thing in another city, where the first errand was about one."""
    arguments = first.calls[0]
    key = next((k for k in arguments if k in ("city", "location", "place", "town")), "")
    if len(first.calls) > 1 or set(arguments) != {key} or "weather" not in first.final:
        return []
    place = city(r)
    raw, words = weather_result(r)
    asked = r.choice(
        ["And in {}?", "And {}?", "What about {}?", "How about {}?", "And the weather in {}?"]
    ).format(place)
    again = Errand(first.tool, asked, [{key: place}], [raw], f"The weather in {place} is {words}.")
    return [user(asked), call_turn(again), {"role": "tool", "content": raw}, bot(again.final)]


def with_tools(r: Random, filler: Callable[[Random], Turns]) -> Chat:
    """A conversation in which one of the tools is called, or none is needed."""
    errand = r.choice(ERRANDS)(r)
    tools = [errand.tool]
    names = {errand.tool["function"]["name"]}
    for _ in range(r.choice((0, 0, 0, 1, 1, 2))):
        other = r.choice(ERRANDS)(r)
        # Two tools for the same errand would make the right call a matter of taste.
        same_errand = other.tool["function"].get("description") == errand.tool["function"].get(
            "description"
        )
        if (
            other.tool["function"]["name"] not in names
            and not same_errand
            and not overlaps(errand, other)
        ):
            names.add(other.tool["function"]["name"])
            tools.append(other.tool)
    r.shuffle(tools)
    head: Turns = []
    if r.random() < 0.2:
        head = [
            system(
                r.choice(
                    [
                        "You are a helpful assistant.",
                        "You are helpful.",
                        "Use the tools when they help.",
                        "You can use tools.",
                        "Be brief.",
                    ]
                )
            )
        ]
    if r.random() < 0.2:
        return Chat([*head, *filler(r)], tools)
    if r.random() < 0.1:
        head += filler(r)
    turns = [*head, user(errand.asked), call_turn(errand)]
    if r.random() < 0.07:
        reason = r.choice(
            ["not found", "timeout", "unknown city", "no connection", f"bad {word(r)}", "failed"]
        )
        raw = r.choice([json.dumps({"error": reason}), f"error: {reason}", f"Error: {reason}"])
        turns += [{"role": "tool", "content": raw} for _ in errand.results]
        turns.append(bot(f"Sorry, that did not work: {reason}."))
    elif r.random() < 0.65:
        turns += [{"role": "tool", "content": raw} for raw in errand.results]
        turns.append(bot(errand.final))
        if r.random() < 0.2:
            turns += second_errand(r, errand)
        elif r.random() < 0.15:
            turns += filler(r)
    return Chat(turns, tools)


def overlaps(one: Errand, other: Errand) -> bool:
    """Say whether two tools could both serve the same question."""
    families = (
        ("weather",),
        ("time", "clock"),
        ("search", "find", "lookup"),
        ("send",),
        ("add", "sum", "mul", "calc", "comp", "eval"),
    )
    names = one.tool["function"]["name"].lower(), other.tool["function"]["name"].lower()
    return any(all(any(stem in name for stem in family) for name in names) for family in families)
