"""Turns about a text that the user gives: repeat, spell, judge or summarise it."""

from __future__ import annotations

from random import Random

from .chat import Turns, bot, user
from .phrasing import loosen, lower_first, request
from .words import (
    LURES,
    NOUNS,
    UNICODE_WORDS,
    city,
    person,
    sentence,
    word,
)


def echoed_text(r: Random) -> str:
    """A text to be repeated: words, a sentence, a name, numbers, a few characters beyond ASCII."""
    chance = r.random()
    if chance < 0.25:
        text = sentence(r)
        return text[:1].upper() + text[1:] + "." if r.random() < 0.5 else text
    if chance < 0.33:
        return " ".join(str(r.randint(0, 99)) for _ in range(r.randint(1, 4)))
    if chance < 0.37:
        return r.choice(UNICODE_WORDS)
    if chance < 0.55:
        chosen = [
            r.choice(LURES if r.random() < 0.7 else NOUNS)
            for _ in range(r.choice((1, 1, 2, 2, 3, 4)))
        ]
        text = " ".join(chosen)
        return text.upper() if r.random() < 0.12 else text
    words = [
        r.choice([word, word, word, person, city])(r)
        for _ in range(r.choice((1, 1, 2, 2, 3, 3, 4, 5, 6)))
    ]
    if r.random() < 0.15:
        words = [w.upper() if r.random() < 0.5 else w.capitalize() for w in words]
    return r.choice([" ", " ", " ", " ", ", "]).join(words) + r.choice(["", "", "", "", "!"])


def echo(r: Random) -> Turns:
    """Repeat a text exactly."""
    text = echoed_text(r)
    bare = r.choice(
        [
            "Say {}",
            "Say {}",
            "Please say {}",
            "Echo {}",
            "Repeat {}",
            "Write {}",
            "Say the word {}",
            "Reply with {}",
            "Just say {}",
            "Answer with {}",
            "Can you say {}?",
            "Say only {}",
            "Respond with {}",
            "Type {}",
            "Print {}",
            "Reply only with {}",
            "Repeat the word {}",
        ]
    )
    marked = r.choice(
        [
            "Repeat after me: {}",
            "Repeat after me: {}",
            "Echo: {}",
            "Repeat: {}",
            "Say: {}",
            'Say "{}"',
            "Say '{}'",
            "Repeat this: {}",
            "Echo this: {}",
            "Say this: {}",
            "Copy this text: {}",
            "Repeat the following: {}",
            'Repeat "{}"',
            "Please repeat: {}",
            "Reply with exactly: {}",
            "Respond with exactly: {}",
            "Write this: {}",
            "Please repeat after me: {}",
            "Can you repeat this: {}",
            'Repeat after me: "{}"',
            "Repeat exactly: {}",
            "Echo this back to me: {}",
            "Repeat back to me: {}",
            "Say this back to me: {}",
            "Reply with exactly this: {}",
            "Say exactly: {}",
            "Print: {}",
        ]
    )
    if text.endswith((".", "!")) or r.random() < 0.6:
        return [user(loosened_head(r, marked).format(text)), bot(text)]
    tail = r.choice(["", "", "."]) if not bare.endswith("?") else ""
    return [user(loosened_head(r, bare).format(text) + tail), bot(text)]


def loosened_head(r: Random, frame: str) -> str:
    """Lower the first letter of a frame now and then, leaving its end alone."""
    return lower_first(frame) if r.random() < 0.2 else frame


def spelling(r: Random) -> Turns:
    """Spell a word letter by letter, or write it in capitals."""
    w = word(r) if r.random() < 0.3 else r.choice(NOUNS[:60])
    if r.random() < 0.6:
        asked = r.choice(
            [
                request(r, f"Spell {w}"),
                request(r, f"Spell the word {w}"),
                loosen(r, f"How do you spell {w}?"),
            ]
        )
        return [user(asked), bot("-".join(w))]
    if r.random() < 0.5:
        asked = r.choice(
            [f"Write {w} in capital letters", f"Write {w} in upper case", f"Write {w} in uppercase"]
        )
        return [user(request(r, asked)), bot(w.upper())]
    asked = r.choice(
        [
            f"Write {w.upper()} in lower case",
            f"Write {w.upper()} in small letters",
            f"Write {w.upper()} in lowercase",
        ]
    )
    return [user(request(r, asked)), bot(w)]


def mood(r: Random) -> Turns:
    """Say whether a sentence is positive or negative."""
    good = r.random() < 0.5
    thing = r.choice([*NOUNS, "movie", "day", "meal", "trip", "film", "product", "service"])
    text = r.choice(
        [
            f"I love this {thing}",
            f"What a great {thing}",
            f"This {thing} is wonderful",
            f"The {thing} makes me happy",
            f"The {thing} was very good",
            f"I like the {thing}",
        ]
        if good
        else [
            f"I hate this {thing}",
            f"What a terrible {thing}",
            f"This {thing} is awful",
            f"The {thing} makes me sad",
            f"The {thing} was very bad",
            f"I do not like the {thing}",
        ]
    )
    end = r.choice([".", "!", ""])
    asked = r.choice(
        [
            f"Is this positive or negative: {text}{end}",
            f"Positive or negative? {text}{end}",
            f"Is this sentence positive or negative? {text}{end}",
            f"Classify as positive or negative: {text}{end}",
            f"Is the sentiment positive or negative? {text}{end}",
            f"What is the sentiment of: {text}{end}",
        ]
    )
    return [user(asked), bot("positive" if good else "negative")]


def summary(r: Random) -> Turns:
    """Summarise a few sentences by their first."""
    lines = [s[:1].upper() + s[1:] + "." for s in (sentence(r) for _ in range(r.randint(2, 4)))]
    asked = r.choice(
        [
            "Summarize: {}",
            "Summarize this: {}",
            "Summarize this text: {}",
            "Please summarize: {}",
            "Summarize the following text: {}",
            "Give me a summary: {}",
            "Summarize in one sentence: {}",
        ]
    )
    return [user(asked.format(" ".join(lines))), bot(f"In short: {lines[0]}")]
