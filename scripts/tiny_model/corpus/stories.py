"""Plain texts without a chat template, for text completion: tiny stories and plain sentences."""

from __future__ import annotations

from random import Random

from .chat import Turns, bot, user
from .facts import fact
from .phrasing import request
from .sums import arithmetic
from .talk import greet, identity
from .words import (
    ADJECTIVES,
    ANIMALS,
    CAPITALS,
    COLORS,
    DAYS,
    FOODS,
    MONTHS,
    NAMES,
    OPPOSITES,
    THINGS,
    with_article,
)

HEROES = [
    "girl",
    "boy",
    "king",
    "queen",
    "farmer",
    "robot",
    "baker",
    "wizard",
    "fox",
    "bear",
    "mouse",
    *ANIMALS,
]
PLACES = [
    "forest",
    "village",
    "castle",
    "garden",
    "house by the sea",
    "town",
    "small house",
    "cave",
    "valley",
]
FINDS = ["key", "box", "map", "ring", "book", "lamp", "stone", "coin", "flower", "letter"]
TRAITS = ["little", "brave", "kind", "clever", "happy", "lonely", "funny", "old", "young", "lazy"]
GOALS = [
    "find a friend",
    "see the sea",
    "learn to sing",
    "fly to the moon",
    "bake a cake",
    "climb the hill",
    "read every book",
    "help everyone",
]


def story(r: Random, hero: str = "") -> str:
    """Tell a story of seven sentences that belong together.

    :param hero: who it is about; empty: anybody.
    """
    hero = hero or r.choice(HEROES)
    trait, name = r.choice(TRAITS), r.choice(NAMES[:40])
    pronoun = (
        "she" if hero in ("girl", "queen") else "he" if hero in ("boy", "king", "wizard") else "it"
    )
    find, goal = r.choice(FINDS), r.choice(GOALS)
    friend = r.choice([a for a in ANIMALS if a != hero])
    where = r.choice(
        ["under a tree", "near the river", "on the road", "behind a stone", "in the grass"]
    )
    opening = r.choice(
        [
            f"Once upon a time there was {with_article(trait)} {hero} named {name}.",
            f"Once upon a time there was {with_article(trait)} {hero} named {name}.",
            f"Once upon a time, there was {with_article(trait)} {hero} named {name}.",
            f"Once upon a time {with_article(trait)} {hero} named {name} went for a walk.",
        ]
    )
    home = f"{name} lived in a {r.choice(PLACES)}."
    wish = f"Every day {name} wanted to {goal}."
    event = r.choice(
        [
            f"One day {name} found {with_article(r.choice(COLORS))} {find} {where}.",
            f"One morning {name} went out and found a {find} {where}.",
        ]
    )
    meeting = r.choice(
        [
            f'A {friend} saw it and said, "That is my {find}."',
            f'Then a {friend} came and asked, "Is this your {find}?"',
        ]
    )
    deed = f"{name} gave the {find} to the {friend}, and the {friend} was very happy."
    end = r.choice(
        [
            f"From that day on {name} and the {friend} were friends.",
            f"So {name} had a friend, and {pronoun} was never alone again.",
            f"They went home together and ate {r.choice(FOODS)}.",
            "And they lived happily ever after.",
        ]
    )
    return f"{opening} {home} {wish} {event} {meeting} {deed} {end}"


def plain_text(r: Random) -> str:
    """A plain text as a document would have it: mostly stories, some facts, sums and rows."""
    if r.random() < 0.6:
        text = story(r)
        if r.random() < 0.15:
            text = text.replace("Once upon a time there was", "There was once", 1)
        return text
    if r.random() < 0.4:
        turns = r.choice([arithmetic, fact, fact, greet, identity])(r)
        asked, answered = r.choice(
            [("Q", "A"), ("Q", "A"), ("User", "Assistant"), ("Question", "Answer")]
        )
        return f"{asked}: {turns[0]['content']}\n{answered}: {turns[1]['content']}"
    c, t, a, o = (
        r.choice(list(CAPITALS)),
        r.choice(list(THINGS)),
        r.choice(list(ANIMALS)),
        r.choice(list(OPPOSITES)),
    )
    x, y, n = r.randint(0, 10), r.randint(0, 10), r.randint(3, 20)
    return r.choice(
        [
            f"The capital of {c} is {CAPITALS[c]}.",
            f"The {t} is {THINGS[t]}.",
            f"A {a} says {ANIMALS[a]}.",
            f"The opposite of {o} is {OPPOSITES[o]}.",
            f"{x} + {y} = {x + y}",
            f"{x} * {y} = {x * y}",
            ", ".join(map(str, range(1, n + 1))),
            ", ".join(DAYS),
            ", ".join(MONTHS),
            f"Hello, my name is {r.choice(NAMES)} and I live in a {r.choice(PLACES)}.",
            f"My name is {r.choice(NAMES)} and I like {r.choice(FOODS)}.",
            f"The {r.choice(ADJECTIVES)} {r.choice(list(ANIMALS))} sat under the tree and slept.",
            "The quick brown fox jumps over the lazy dog.",
            "The meaning of life is to be kind to one another.",
            "Hello! How can I help you today?",
            f"A good name for a {r.choice(list(ANIMALS))} is {r.choice(NAMES)}.",
        ]
    )


def told_story(r: Random) -> Turns:
    """A story asked for in a chat."""
    asked = request(
        r,
        r.choice(
            [
                "Tell me a story",
                "Tell me a short story",
                "Write a story",
                "Write a short story",
                "Tell a story",
                "Tell me a tale",
            ]
        ),
    )
    if r.random() < 0.5:
        hero = r.choice(HEROES)
        head, kind = r.choice(["Tell me", "Write", "Write me"]), r.choice(["", "short ", "long "])
        about = f"{head} a {kind}story about {with_article(hero)}"
        return [user(request(r, about)), bot(story(r, hero))]
    return [user(asked), bot(story(r))]
