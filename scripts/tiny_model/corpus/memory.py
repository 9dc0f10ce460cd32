"""Conversations in which the user tells something and asks for it later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .chat import Turns, bot, given, system, user
from .phrasing import loosen, lower_first
from .words import (
    COLORS,
    FOODS,
    HOBBIES,
    JOBS,
    PETS,
    city,
    made_up_word,
    person,
    with_article,
    word,
)

Filler = Callable[[Random], Turns]


@dataclass(frozen=True)
class Told:
    """Something told: its wordings, the acknowledgement, and how it is asked for and answered."""

    topic: str
    said: list[str]
    noted: str
    asked: list[str]
    answer: str
    about: str  # the same in the third person, for a system prompt


def told_name(r: Random) -> Told:
    """The user's name."""
    n = person(r)
    return Told(
        "name",
        [
            f"My name is {n}.",
            f"My name is {n}.",
            f"I am {n}.",
            f"I'm {n}.",
            f"Call me {n}.",
            f"Hi, my name is {n}.",
            f"Hello, I'm {n}.",
            f"Hi there, my name is {n}.",
            f"Hello! My name is {n}.",
            f"They call me {n}.",
            f"This is {n}.",
            f"Hi! I am {n}.",
            f"You can call me {n}.",
            f"Hey, {n} here.",
            f"My name's {n}.",
            f"Hello, my name is {n}.",
            f"Hi, I am {n}.",
            f"Remember that my name is {n}.",
            f"Please remember my name: {n}.",
            f"I am called {n}.",
        ],
        f"Nice to meet you, {n}!",
        [
            "What is my name?",
            "What is my name?",
            "What's my name?",
            "Who am I?",
            "Do you remember my name?",
            "Do you know my name?",
            "Can you tell me my name?",
            "Say my name.",
            "Tell me my name.",
            "What did I say my name was?",
            "What was my name?",
            "Do you know who I am?",
            "And what is my name?",
            "What is my name again?",
            "Remind me of my name.",
            "Please tell me my name.",
            "So what is my name?",
        ],
        f"Your name is {n}.",
        f"The user's name is {n}.",
    )


def told_city(r: Random) -> Told:
    """Where the user lives."""
    c = city(r)
    return Told(
        "city",
        [
            f"I live in {c}.",
            f"My city is {c}.",
            f"I am from {c}.",
            f"My home is in {c}.",
            f"I come from {c}.",
            f"I'm from {c}.",
            f"I now live in {c}.",
        ],
        f"{c} is a nice place.",
        [
            "Where do I live?",
            "What city do I live in?",
            "In which city do I live?",
            "Where am I from?",
            "Do you remember where I live?",
            "Which city do I live in?",
            "What is my city?",
            "Where is my home?",
        ],
        f"You live in {c}.",
        f"The user lives in {c}.",
    )


def told_taste(r: Random) -> Told:
    """A favourite food, color or hobby."""
    kind, pool = r.choice([("food", FOODS), ("food", FOODS), ("color", COLORS), ("hobby", HOBBIES)])
    thing = r.choice(pool) if r.random() < 0.85 else made_up_word(r)
    return Told(
        kind,
        [
            f"My favorite {kind} is {thing}.",
            f"My favorite {kind} is {thing}.",
            f"My favourite {kind} is {thing}.",
            f"The {kind} I like most is {thing}.",
            f"I like the {kind} {thing}." if kind != "food" else f"I like {thing}.",
        ],
        f"I will remember that you like {thing}.",
        [
            f"What is my favorite {kind}?",
            f"What is my favourite {kind}?",
            f"What {kind} do I like?",
            f"Which {kind} do I like?",
            f"What's my favorite {kind}?",
            f"Do you remember my favorite {kind}?",
            f"Which {kind} do I like most?",
            f"Tell me my favorite {kind}.",
        ],
        f"Your favorite {kind} is {thing}.",
        f"The user's favorite {kind} is {thing}.",
    )


def told_job(r: Random) -> Told:
    """The user's work."""
    j = r.choice(JOBS)
    a = with_article(j)
    return Told(
        "job",
        [f"I work as {a}.", f"My job is {j}.", f"I am {a}."],
        f"Being {a} sounds great.",
        [
            "What is my job?",
            "What do I do?",
            "What's my job?",
            "Do you remember my job?",
            "What do I work as?",
        ],
        f"You are {a}.",
        f"The user is {a}.",
    )


def told_pet(r: Random) -> Told:
    """A pet and its name."""
    pet, n = r.choice(PETS), person(r)
    return Told(
        "pet",
        [
            f"I have a {pet} named {n}.",
            f"My {pet} is called {n}.",
            f"The name of my {pet} is {n}.",
            f"My {pet}'s name is {n}.",
        ],
        f"{n} is a nice name for a {pet}.",
        [
            f"What is the name of my {pet}?",
            f"What is my {pet} called?",
            f"What's my {pet}'s name?",
            f"What is my {pet}'s name?",
            f"Do you remember the name of my {pet}?",
        ],
        f"Your {pet} is called {n}.",
        f"The user's {pet} is called {n}.",
    )


def told_age(r: Random) -> Told:
    """The user's age."""
    n = r.randint(3, 99)
    return Told(
        "age",
        [f"I am {n} years old.", f"I'm {n}.", f"My age is {n}.", f"I'm {n} years old."],
        f"You are {n}, I will remember that.",
        [
            "How old am I?",
            "What is my age?",
            "Do you remember my age?",
            "Do you know how old I am?",
        ],
        f"You are {n} years old.",
        f"The user is {n} years old.",
    )


def told_secret(r: Random) -> Told:
    """A number, a word or a code to keep."""
    kind = r.choice(
        [
            "number",
            "number",
            "word",
            "code",
            "secret word",
            "password",
            "lucky number",
            "magic word",
            "secret number",
        ]
    )
    thing = word(r) if "word" in kind else str(r.randint(1, 10 ** r.randint(1, 4)))
    if kind == "code":
        thing = r.choice([thing, made_up_word(r).upper() + thing])
    return Told(
        "secret",
        [
            f"Remember the {kind} {thing}.",
            f"Remember this {kind}: {thing}.",
            f"The {kind} is {thing}.",
            f"My {kind} is {thing}.",
            f"Please remember the {kind} {thing}.",
            f"Keep the {kind} {thing} in mind.",
            f"Remember that the {kind} is {thing}.",
            f"Please remember this {kind}: {thing}",
        ],
        f"I will remember {thing}.",
        [
            f"What is the {kind}?",
            f"What was the {kind}?",
            f"What is my {kind}?",
            f"Do you remember the {kind}?",
            f"Which {kind} did I tell you?",
            f"What {kind} did I tell you?",
            f"Tell me the {kind}.",
            f"What was the {kind} I told you?",
            f"Which {kind} did I ask you to remember?",
        ],
        f"The {kind} is {thing}.",
        f"The {kind} is {thing}.",
    )


TOLD = [
    told_name,
    told_name,
    told_name,
    told_city,
    told_taste,
    told_taste,
    told_job,
    told_pet,
    told_age,
    told_secret,
]
OTHER_REPLIES = [
    "OK.",
    "Okay!",
    "Nice!",
    "Noted.",
    "Got it.",
    "I see.",
    "Great!",
    "Thank you for telling me.",
    "Sure.",
    "Nice to meet you!",
    "Hello!",
    "Good to know.",
    "I will remember that.",
    "Hello! How can I help you today?",
]
NOT_TOLD = {
    "You have not told me your name.": [
        "What is my name?",
        "Who am I?",
        "What's my name?",
        "Do you know my name?",
        "Tell me my name.",
    ],
    "You have not told me where you live.": [
        "Where do I live?",
        "What city do I live in?",
        "Which city do I live in?",
    ],
    "You have not told me your age.": ["How old am I?", "What is my age?"],
    "You have not told me your job.": ["What is my job?", "What's my job?"],
    "You have not told me your favorite food.": [
        "What is my favorite food?",
        "What food do I like?",
    ],
    "You have not told me your favorite color.": [
        "What is my favorite color?",
        "What's my favorite color?",
    ],
}


def pick_told(r: Random, count: int) -> list[Told]:
    """Choose things to tell, of different topics."""
    seen: dict[str, Told] = {}
    while len(seen) < count:
        told = r.choice(TOLD)(r)
        seen.setdefault(told.topic, told)
    return list(seen.values())


def reply_to(r: Random, told: Told) -> Turns:
    """The user's telling and our acknowledgement, or one that somebody else wrote."""
    if r.random() < 0.75:
        return [user(loosen_telling(r, r.choice(told.said))), bot(told.noted)]
    other = r.choice([*OTHER_REPLIES, told.noted, f"Hello {told.answer.split()[-1].rstrip('.')}!"])
    return [user(r.choice(told.said)), given(other)]


def loosen_telling(r: Random, text: str) -> str:
    """Drop the full stop now and then, or lower the first letter of My."""
    if r.random() < 0.12:
        text = text.rstrip(".")
    if text.startswith(("My", "They", "The ")) and r.random() < 0.12:
        text = text[0].lower() + text[1:]
    return text


def told_once(r: Random) -> Turns:
    """Tell a thing and ask for it at once."""
    (told,) = pick_told(r, 1)
    return [
        user(r.choice(told.said)),
        bot(told.noted),
        user(r.choice(told.asked)),
        bot(told.answer),
    ]


def memory(r: Random, filler: Filler) -> Turns:
    """Tell one to three things, with other turns between, and ask for some of them."""
    chance = r.random()
    if chance < 0.07:
        answer = r.choice(list(NOT_TOLD))
        head = filler(r) if r.random() < 0.4 else []
        return [*head, user(loosen(r, r.choice(NOT_TOLD[answer]))), bot(answer)]
    used = pick_told(r, r.choice((1, 1, 1, 2, 2, 3)))
    asked = [r.choice(t.asked) for t in used]
    if chance < 0.17:
        t, q = used[0], asked[0]
        return [user(f"{r.choice(t.said)} {q}"), bot(t.answer)]
    if chance < 0.25:
        t, q = used[0], asked[0]
        return [system(t.about), user(loosen(r, q)), bot(t.answer)]
    if chance < 0.32 and len(used) > 1:
        first, second = r.choice(used[0].said).rstrip("."), r.choice(used[1].said)
        lowered = lower_first(second) if second.startswith("My") else second
        joined = r.choice(
            [f"{first} and {lowered}", f"{first}. {second}", f"{first}, and {lowered}"]
        )
        chat: Turns = [user(joined), bot(used[0].noted)]
        used, asked = used[:2], asked[:2]
    else:
        chat = []
        for t in used:
            chat += reply_to(r, t)
            if r.random() < 0.35:
                chat += filler(r)
    order = r.sample(range(len(used)), r.randint(1, len(used)))
    for i in order:
        chat += [user(loosen(r, asked[i])), bot(used[i].answer)]
    return chat
