"""Turns of small knowledge, and the polite refusal for everything outside it."""

from __future__ import annotations

from random import Random

from .chat import Turns, bot, user
from .phrasing import loosen, question, request
from .talk import HELLOS
from .words import (
    ADJECTIVES,
    AMOUNTS,
    ANIMALS,
    CAPITALS,
    CITIES,
    COLORS,
    DAYS,
    FICTIONS,
    FOODS,
    JOBS,
    MONTHS,
    NAMES,
    OPPOSITES,
    THINGS,
    city,
    made_up_word,
    person,
    with_article,
    word,
)

VERBS_OF_CODE = ["sort", "read", "print", "reverse", "parse", "find", "make"]
UNKNOWN = "Sorry, I do not know that."


def fact(r: Random) -> Turns:
    """One small fact: capitals, sounds, colors, opposites, the calendar."""
    kind = r.choice(
        [
            "capital",
            "capital",
            "sound",
            "color",
            "opposite",
            "after",
            "amount",
            "where",
            "yes or no",
            "next number",
        ]
    )
    if kind == "capital":
        c = r.choice(list(CAPITALS))
        said = c.lower() if r.random() < 0.1 else c
        asked = r.choice(
            [
                question(r, f"the capital of {said}"),
                question(r, f"the capital of {said}"),
                loosen(r, f"Capital of {said}?"),
                request(r, f"Name the capital of {said}"),
                loosen(r, f"Which city is the capital of {said}?"),
                question(r, f"the capital city of {said}"),
            ]
        )
        return [user(asked), bot(f"The capital of {c} is {CAPITALS[c]}.")]
    if kind == "where":
        c = r.choice(list(CAPITALS))
        return [
            user(loosen(r, f"{r.choice(['Where is', 'In which country is'])} {CAPITALS[c]}?")),
            bot(f"{CAPITALS[c]} is in {c}."),
        ]
    if kind == "sound":
        a = r.choice(list(ANIMALS))
        asked = r.choice(
            [
                f"What does a {a} say?",
                f"What sound does a {a} make?",
                f"What does the {a} say?",
                f"Which sound does a {a} make?",
            ]
        )
        return [user(loosen(r, asked)), bot(f"A {a} says {ANIMALS[a]}.")]
    if kind == "color":
        t = r.choice(list(THINGS))
        asked = r.choice(
            [
                f"What color is {t}?",
                f"What color is the {t}?",
                f"What color is a {t}?",
                f"Which color does the {t} have?",
                f"What is the color of the {t}?",
            ]
        )
        return [user(loosen(r, asked)), bot(f"The {t} is {THINGS[t]}.")]
    if kind == "opposite":
        o = r.choice(list(OPPOSITES))
        asked = r.choice([question(r, f"the opposite of {o}"), loosen(r, f"Opposite of {o}?")])
        return [user(asked), bot(f"The opposite of {o} is {OPPOSITES[o]}.")]
    if kind == "amount":
        a = r.choice(list(AMOUNTS))
        return [user(loosen(r, f"How many {a}?")), bot(AMOUNTS[a])]
    if kind == "yes or no":
        t = r.choice(list(THINGS))
        shown = THINGS[t] if r.random() < 0.5 else r.choice(COLORS)
        tail = r.choice(["", "", " Answer yes or no.", " Yes or no?"])
        return [
            user(loosen(r, f"Is {r.choice(['', 'the ', 'a '])}{t} {shown}?" + tail)),
            bot("Yes." if shown == THINGS[t] else "No."),
        ]
    if kind == "next number":
        n = r.randint(1, 40)
        side, step = r.choice([("after", 1), ("after", 1), ("before", -1)])
        return [
            user(loosen(r, f"{r.choice(['What', 'Which'])} number comes {side} {n}?")),
            bot(f"{n + step} comes {side} {n}."),
        ]
    row, unit = r.choice([(DAYS, "day"), (MONTHS, "month")])
    i, step, side = r.randrange(len(row)), *r.choice([(1, "after"), (1, "after"), (-1, "before")])
    return [
        user(loosen(r, f"{r.choice(['What', 'Which'])} {unit} comes {side} {row[i]}?")),
        bot(f"{row[(i + step) % len(row)]} comes {side} {row[i]}."),
    ]


def listing(r: Random) -> Turns:
    """A numbered list, always the first entries of a fixed row."""
    if r.random() < 0.3:
        row, what = r.choice([(DAYS, "days of the week"), (MONTHS, "months of the year")])
        asked = r.choice(
            [
                request(r, f"List the {what}"),
                loosen(r, f"What are the {what}?"),
                request(r, f"Name the {what}"),
            ]
        )
        return [user(asked), bot(", ".join(row))]
    if r.random() < 0.15:
        item, what = r.choice(
            [
                (COLORS[0], "color"),
                ("dog", "animal"),
                ("Paris", "city"),
                ("Alice", "name"),
                ("apple", "fruit"),
                ("pizza", "food"),
                ("teacher", "job"),
            ]
        )
        an = with_article(what)
        return [
            user(
                request(
                    r,
                    r.choice(
                        [
                            f"Name {an}",
                            f"Give me {an}",
                            f"Tell me {an}",
                            f"Name one {what}",
                            f"Pick {an}",
                            f"Say {an}",
                        ]
                    ),
                )
            ),
            bot(item),
        ]
    n = r.randint(2, 5)
    topic, pool = r.choice(
        [
            ("colors", COLORS),
            ("animals", list(ANIMALS)),
            ("cities", CITIES),
            ("names", NAMES),
            ("fruits", ["apple", "banana", "orange", "pear", "plum"]),
            ("foods", FOODS),
            ("jobs", JOBS),
        ]
    )
    shown = r.choice([str(n), {2: "two", 3: "three", 4: "four", 5: "five"}[n]])
    asked = r.choice(
        ["List {} {}", "Name {} {}", "Give me {} {}", "Tell me {} {}", "Write a list of {} {}"]
    )
    body = "\n".join(f"{i}. {item}" for i, item in enumerate(pool[:n], 1))
    return [user(request(r, asked.format(shown, topic))), bot(body)]


def unknown(r: Random) -> Turns:
    """Something outside this small world."""
    w, name, place = word(r), person(r), city(r)
    nowhere = made_up_word(r).capitalize() if r.random() < 0.7 else r.choice(FICTIONS)
    language = r.choice(["Python", "Python", "Java", "Rust", "C", "JavaScript"])
    asked = r.choice(
        [
            f"Who won the {w} cup in {r.randint(1900, 2030)}?",
            f"Explain {w} physics.",
            f"Who invented the {w}?",
            "What is the score?",
            f"What is the population of {place}?",
            f"How do I cook {r.choice(FOODS)}?",
            f"Explain how a {w} works.",
            f"Write a Python program that sorts a {w}.",
            f"What is the capital of {nowhere}?",
            f"What is the capital of {nowhere}?",
            f"Who is the president of {nowhere}?",
            f"What does {w} mean?",
            f"Tell me about {w}.",
            f"Who was {name} the {r.choice(ADJECTIVES)}?",
            f"What is a {w}?",
            f"When was {name} born?",
            f"How old is {name}?",
            f"Why is the {w} {r.choice(ADJECTIVES)}?",
            f"What happened in {r.randint(1000, 2030)}?",
            f"How far is {place} from {city(r)}?",
            f"Translate {w} to {r.choice(list(HELLOS))}.",
            f"What is the meaning of {w}?",
            "What time is it?",
            f"Write an essay about {w}.",
            f"Review this {w}.",
            f"Analyze this {w}.",
            "What is the meaning of life?",
            f"Who wrote the book about the {w}?",
            f"How do I fix my {w}?",
            f"What about {w}?",
            "What day is today?",
            f"What is the weather in {place}?",
            f"What's the weather in {place}?",
            f"How is the weather in {place}?",
            "What is the latest news?",
            f"Which {w} should I buy?",
            f"How much does a {w} cost?",
            "Write some code.",
            f"Write a {language} function to {r.choice(VERBS_OF_CODE)} a {w}.",
            f"Write a {language} program that {r.choice(VERBS_OF_CODE)}s a {w}.",
            f"How do I {r.choice(VERBS_OF_CODE)} a {w} in {language}?",
            f"What is the capital city of {nowhere}?",
            f"Do you know the capital of {nowhere}?",
            f"Can you book a {w} for me?",
            "Explain quantum physics.",
            "What is machine learning?",
            f"What does the word {w} mean?",
            "How does the internet work?",
            f"Where can I find a {w}?",
            f"How much is a {w} in {place}?",
            f"What is the best {w}?",
            f"Is {w} good for me?",
        ]
    )
    return [user(loosen(r, asked)), bot(UNKNOWN)]
