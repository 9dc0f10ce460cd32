"""The tiny model's chat corpus: everything is composed here, there is no outside data.

``sample(r)`` gives one conversation or plain text; ``KINDS`` names the makers with their weights,
for training and for judging by kind.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from .chat import Chat, Turns, system
from .echoes import echo, mood, spelling, summary
from .facts import fact, listing, unknown
from .memory import memory, told_once
from .stories import plain_text, told_story
from .structured import (
    answer_schema,
    filled_schema,
    invented_schema,
    json_by_wording,
    structured,
)
from .sums import arithmetic, comparing, counting, only_the_number
from .talk import courtesy, greet, identity, joke, persona, say_hello
from .tool_calls import with_tools

__all__ = ["DRILLS", "FIRST_STEPS", "KINDS", "LAST_DRILLS", "Chat", "Makers", "Turns", "sample"]

Makers = list[tuple[Callable[[Random], Turns], float]]

PLAIN_SYSTEMS = [
    "You are a helpful assistant.",
    "You are helpful.",
    "You are a helpful, friendly assistant.",
    "Answer briefly.",
    "Be concise.",
    "You are Tiny.",
    "You are a tiny language model that gives short answers.",
    "Be brief.",
    "You are a helpful assistant that answers in one sentence.",
    "You are an expert code reviewer.",
    "You are a helpful support assistant",
    "Keep your answers short.",
    "Answer the question.",
    "Be polite.",
    "You are a friendly chat bot. Be kind to the user.",
    "You answer questions.",
    "Assist the user.",
]
SYSTEM_ADJECTIVES = (
    "helpful friendly polite careful honest short precise kind smart expert simple good".split()
)
SYSTEM_ROLES = (
    "assistant,bot,helper,teacher,chat bot,math tutor,language model,guide,AI assistant,tutor"
).split(",")

# Short single-topic turns that may stand between others.
FILLERS: Makers = [
    (greet, 1.0),
    (arithmetic, 3.0),
    (fact, 2.0),
    (echo, 2.0),
    (courtesy, 1.0),
    (identity, 0.7),
    (counting, 0.7),
    (unknown, 0.7),
    (comparing, 0.4),
    (spelling, 0.3),
    (only_the_number, 0.3),
    (say_hello, 0.4),
]


def pick(r: Random, makers: Makers) -> Callable[[Random], Turns]:
    """Choose a maker by weight."""
    return r.choices([m for m, _ in makers], [w for _, w in makers])[0]


def filler(r: Random) -> Turns:
    """One short exchange of any kind."""
    return pick(r, FILLERS)(r)


def plain_system(r: Random) -> str:
    """A system prompt that changes nothing about the answers."""
    if r.random() < 0.6:
        return r.choice(PLAIN_SYSTEMS)
    role = f"You are a {r.choice(SYSTEM_ADJECTIVES)} {r.choice(SYSTEM_ROLES)}."
    return role + r.choice(
        ["", "", " Answer briefly.", " Help the user.", " Be concise.", " Answer questions."]
    )


def remembered(r: Random) -> Turns:
    """A conversation with something to remember."""
    return memory(r, filler)


def chatter(r: Random) -> Turns:
    """A long conversation of many short exchanges, so that positions far out are trained too."""
    turns: Turns = []
    for _ in range(r.randint(4, 20)):
        turns += remembered(r) if r.random() < 0.15 else filler(r)
    return turns


# Kinds made of turns alone; tools and plain text are apart because they are whole chats.
TURN_KINDS: dict[str, tuple[Callable[[Random], Turns], float]] = {
    "greet": (greet, 0.8),
    "say_hello": (say_hello, 0.8),
    "identity": (identity, 0.8),
    "courtesy": (courtesy, 0.5),
    "arithmetic": (arithmetic, 5.0),
    "only_number": (only_the_number, 1.0),
    "counting": (counting, 2.2),
    "comparing": (comparing, 0.4),
    "fact": (fact, 2.2),
    "listing": (listing, 0.8),
    "echo": (echo, 4.0),
    "spelling": (spelling, 0.6),
    "mood": (mood, 0.3),
    "summary": (summary, 0.3),
    "joke": (joke, 0.5),
    "unknown": (unknown, 1.0),
    "persona": (persona, 0.5),
    "json": (structured, 3.2),
    "memory": (remembered, 3.2),
    "chatter": (chatter, 0.2),
    "told_story": (told_story, 0.15),
}


def turns_chat(r: Random, name: str) -> Chat:
    """One conversation of a kind, sometimes with a system prompt and an exchange more."""
    turns = TURN_KINDS[name][0](r)
    if turns[0]["role"] == "system":
        return Chat(turns)
    if name != "chatter":
        if r.random() < 0.12:
            turns = filler(r) + turns
        if r.random() < 0.12:
            turns = turns + filler(r)
    if r.random() < 0.3:
        turns = [system(plain_system(r)), *turns]
    return Chat(turns)


def tools_chat(r: Random) -> Chat:
    """One conversation with tools."""
    # Nothing here that a tool could serve as well: no sums, no weather, no time.
    return with_tools(r, lambda r: r.choice([greet, greet, identity, courtesy, fact, say_hello])(r))


def text_chat(r: Random) -> Chat:
    """One plain text."""
    return Chat([], text=plain_text(r))


KINDS: dict[str, tuple[Callable[[Random], Chat], float]] = {
    **{name: (partial(turns_chat, name=name), weight) for name, (_, weight) in TURN_KINDS.items()},
    "tools": (tools_chat, 3.0),
    "text": (text_chat, 0.9),
}


# What training begins with: short exchanges, learnable only by copying from the prompt or by heart.
FIRST_STEPS: Makers = [
    (echo, 5.0),
    (counting, 1.5),
    (arithmetic, 3.0),
    (say_hello, 0.7),
    (greet, 0.4),
    (fact, 1.0),
    (told_once, 1.5),
    (json_by_wording, 1.5),
]
# What it ends with: what has to be known by heart, once copying is learned.
DRILLS: Makers = [
    (arithmetic, 9.0),
    (only_the_number, 2.5),
    (comparing, 1.0),
    (fact, 2.5),
    (listing, 1.5),
    (spelling, 1.0),
    (counting, 0.7),
    (echo, 2.0),
    (answer_schema, 1.2),
    (unknown, 0.8),
    (joke, 0.5),
    (say_hello, 0.5),
    (identity, 0.3),
    (courtesy, 0.3),
    (persona, 0.4),
]
# And last of all: values into schemas, and sums without the equation written out.
LAST_DRILLS: Makers = [
    (filled_schema, 5.0),
    (answer_schema, 3.0),
    (json_by_wording, 2.5),
    (invented_schema, 0.7),
    (only_the_number, 4.0),
    (arithmetic, 3.0),
    (comparing, 1.0),
    (echo, 1.0),
    (spelling, 0.7),
    (fact, 0.7),
    (counting, 0.4),
    (listing, 0.4),
    (unknown, 0.4),
    (persona, 0.3),
]


def sample(r: Random, short: Makers = FIRST_STEPS, share: float = 0.0) -> Chat:
    """One sample of the whole mix.

    :param share: chance, 0 to 1, of a single exchange out of ``short`` instead.
    """
    if r.random() < share:
        return Chat(pick(r, short)(r))
    makers = list(KINDS.values())
    return r.choices([m for m, _ in makers], [w for _, w in makers])[0](r)
