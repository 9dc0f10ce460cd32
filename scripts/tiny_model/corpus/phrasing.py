"""How people word the same thing: with or without please, capitals, a full stop, a greeting."""

from __future__ import annotations

from random import Random

OPENERS = [
    "Hello! ",
    "Hi! ",
    "Hi, ",
    "Hey, ",
    "Hello, ",
    "OK, ",
    "Okay. ",
    "Now ",
    "Great! ",
    "And ",
    "Thanks! ",
    "Hi there! ",
    "Good morning! ",
    "Well, ",
    "So, ",
    "Quick question: ",
    "Next: ",
]
ASK_FRAMES = [
    "Please {}",
    "Please {}",
    "Can you {}?",
    "Could you {}?",
    "Can you please {}?",
    "{}, please",
    "Would you {}?",
    "I want you to {}",
    "I would like you to {}",
    "Could you please {}?",
    "Will you {}?",
    "Try to {}",
    "{} for me",
    "Your task: {}",
    "{} now",
    "Kindly {}",
    "Just {}",
]


def lower_first(text: str) -> str:
    """Lower the first letter, unless the first word is I or a name-like abbreviation."""
    if text[:2] in ("I ", "I'") or text[1:2].isupper():
        return text
    return text[:1].lower() + text[1:]


def loosen(r: Random, text: str) -> str:
    """Change the outer look of a text: its first capital, its last mark, a greeting before it."""
    if r.random() < 0.10:
        opener = r.choice(OPENERS)
        text = opener + (text if opener[-2] in "!.:" else lower_first(text))
    elif r.random() < 0.15:
        text = lower_first(text)
    chance = r.random()
    if chance < 0.12 and text[-1] in ".?!":
        text = text[:-1]
    elif chance < 0.15 and text[-1] == ".":
        text = text[:-1] + "!"
    elif chance < 0.16:
        text = text + r.choice([" ", "\n", "?", "!"])
    return text


def request(r: Random, command: str) -> str:
    """Word a command, given as 'Count to 5' without a full stop, in one of many ways."""
    if r.random() < 0.5:
        return loosen(r, command + r.choice([".", ".", ".", "", "!"]))
    framed = r.choice(ASK_FRAMES)
    text = framed.format(command if framed.startswith("{}") else lower_first(command))
    return loosen(r, text if text.endswith("?") else text + r.choice([".", ".", ""]))


def question(r: Random, subject: str) -> str:
    """Word 'what is SUBJECT?' in one of many ways."""
    frame = r.choice(
        [
            "What is {}?",
            "What is {}?",
            "What is {}?",
            "What's {}?",
            "Tell me {}.",
            "Do you know {}?",
            "Can you tell me {}?",
            "Please tell me {}.",
            "Say what {} is.",
            "Could you tell me {}?",
            "I want to know {}.",
            "Tell me what {} is.",
            "What would {} be?",
            "Give me {}.",
        ]
    )
    return loosen(r, frame.format(subject))
