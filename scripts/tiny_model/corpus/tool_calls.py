"""Conversations with tools: the call, its result, and the answer made of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from .chat import Chat, Message, Turns, bot, system, user
from .errands import (
    Errand,
    calculator,
    clock,
    message,
    search,
    tool,
    weather,
    weather_result,
)
from .phrasing import request
from .words import NOUNS, VOWELS, city, made_up_word, person, word

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
