"""Turns about numbers: arithmetic, counting, comparing."""

from __future__ import annotations

from random import Random

from .chat import Turns, bot, user
from .phrasing import loosen, question, request
from .words import NUMBER_WORDS, person

OPERATIONS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
THINGS_TO_COUNT = ["apples", "books", "coins", "eggs", "balls", "cats", "stars", "pens"]


def spoken(r: Random, n: int) -> str:
    """Write a number in digits, or now and then as a word where it has one here."""
    return NUMBER_WORDS[n] if 0 <= n <= 20 and r.random() < 0.3 else str(n)


def operands(r: Random, op: str) -> tuple[int, int]:
    """Choose two numbers: mostly small, since those are what people try first."""
    if op == "*":
        return r.randint(0, 10), r.randint(0, 10)
    if op == "/":
        b = r.randint(1, 10)
        return b * r.randint(0, 10), b
    top = 10 if r.random() < 0.4 else 20
    a, b = r.randint(0, top), r.randint(0, top)
    if r.random() < 0.15:
        a, b = r.randint(0, 60), r.randint(0, 30)
    if op == "-" and b > a and r.random() < 0.85:
        a, b = b, a
    return a, b


def evaluate(a: int, op: str, b: int) -> int:
    """Compute one operation; a division is exact by construction."""
    return {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[op]


def worded(r: Random, a: int, op: str, b: int) -> str:
    """Ask for one operation without its sign."""
    x, y = spoken(r, a), spoken(r, b)
    if op == "+":
        return r.choice(
            [
                request(r, f"Add {x} and {y}"),
                request(r, f"Add {x} to {y}" if a == b else f"Add {x} and {y} together"),
                question(r, f"the sum of {x} and {y}"),
                request(r, f"Sum {x} and {y}"),
                loosen(r, f"What do you get if you add {x} and {y}?"),
                loosen(r, f"How much do {x} and {y} make?"),
            ]
        )
    if op == "-":
        return r.choice(
            [
                request(r, f"Subtract {y} from {x}"),
                request(r, f"Take {y} away from {x}"),
                question(r, f"the difference of {x} and {y}"),
                loosen(r, f"What is {x} less {y}?"),
            ]
        )
    if op == "*":
        return r.choice(
            [
                request(r, f"Multiply {x} by {y}"),
                question(r, f"the product of {x} and {y}"),
                request(r, f"Multiply {x} and {y}"),
                loosen(r, f"How much is {x} multiplied by {y}?"),
            ]
        )
    return r.choice([request(r, f"Divide {x} by {y}"), loosen(r, f"How much is {x} over {y}?")])


def told_as_story(r: Random, a: int, op: str, b: int) -> str:
    """Ask for a sum or a difference as a problem about things."""
    thing = r.choice(THINGS_TO_COUNT)
    name = person(r)
    who, again, verb, subject = r.choice(
        [
            ("I", "I", "have", "do I"),
            ("I", "I", "have", "do I"),
            ("You", "You", "have", "do you"),
            (name, name, "has", f"does {name}"),
        ]
    )
    changes = ["get", "find", "buy"] if op == "+" else ["eat", "lose", "sell"]
    change = r.choice(changes) + ("s" if verb == "has" else "")
    more = " more" if op == "+" else ""
    joint = r.choice([f". {again} {change}", f" and {change}"])
    lead = r.choice(["", "", "If "]) if joint.startswith(" and") else ""
    end = (
        f", how many {thing} {subject} have?" if lead else f". How many {thing} {subject} have now?"
    )
    return loosen(r, f"{lead}{who} {verb} {a} {thing}{joint} {b}{more}{end}")


def expression(r: Random, a: int, op: str, b: int) -> str:
    """Write an operation with its sign or the sign's name, spaced or not."""
    if r.random() < 0.25:
        return f"{spoken(r, a)} {OPERATIONS[op]} {spoken(r, b)}"
    sign = r.choice(["*", "*", "x", "×"]) if op == "*" else op
    space = r.choice(["", " "])
    return f"{a}{space}{sign}{space}{b}"


def sum_question(r: Random) -> tuple[str, str, int]:
    """Make an arithmetic question.

    :return: its wording, the written-out sum without the result, the result.
    """
    op = r.choice("++++++---***/")
    a, b = operands(r, op)
    value, written = evaluate(a, op, b), f"{a} {op} {b}"
    chance = r.random()
    if chance < 0.2:
        return worded(r, a, op, b), written, value
    if chance < 0.25 and op in "+-" and a >= b:
        return told_as_story(r, a, op, b), written, value
    e = expression(r, a, op, b)
    wording = r.choice(
        [
            question(r, e),
            question(r, e),
            question(r, e),
            question(r, e),
            loosen(r, f"How much is {e}?"),
            request(r, f"Calculate {e}"),
            request(r, f"Compute {e}"),
            request(r, f"Work out {e}"),
            request(r, f"Solve {e}"),
            f"{e} = ?",
            f"{e}",
            f"{e}=",
            f"{e} =",
            f"{e}?",
            loosen(r, f"What does {e} equal?"),
            loosen(r, f"Do you know what {e} is?"),
        ]
    )
    return wording, written, value


def arithmetic(r: Random) -> Turns:
    """One sum, answered as the whole equation."""
    if r.random() < 0.03:
        a, b, c = r.randint(0, 9), r.randint(0, 9), r.randint(0, 9)
        return [user(question(r, f"{a} + {b} + {c}")), bot(f"{a} + {b} + {c} = {a + b + c}")]
    wording, written, value = sum_question(r)
    return [user(wording), bot(f"{written} = {value}")]


def only_the_number(r: Random) -> Turns:
    """One sum whose answer is asked for without words around it."""
    wording, _, value = sum_question(r)
    order = r.choice(
        [
            "Answer with only the number.",
            "Just the number.",
            "Reply with the number only.",
            "Only give the number.",
            "Answer with just the number, please.",
            "Answer in one word.",
            "Give only the result.",
            "Respond with a single number.",
            "One number only.",
        ]
    )
    if wording[-1] not in ".?!":
        wording = wording.rstrip() + r.choice([".", "?"])
    return [user(f"{wording} {order}"), bot(str(value))]


def counting(r: Random) -> Turns:
    """Count up, from one or another number, by twos, or down."""
    chance = r.random()
    if chance < 0.66:
        n = r.randint(1, 10) if r.random() < 0.6 else r.randint(11, 20)
        n = r.choice([25, 30, 40, 50, 50, 100, 100]) if r.random() < 0.04 else n
        end = spoken(r, n)
        command = r.choice(
            [
                f"Count to {end}",
                f"Count to {end}",
                f"Count from 1 to {end}",
                f"Count up to {end}",
                f"Count from one to {end}",
                f"List the numbers from 1 to {end}",
                f"Write the numbers 1 to {end}",
                f"Say the numbers from 1 to {end}",
                f"Give me the numbers from 1 to {end}",
                f"Count till {end}",
                f"Print 1 to {end}",
            ]
        )
        numbers = list(range(1, n + 1))
    elif chance < 0.85:
        a = r.randint(0, 20)
        b = a + r.randint(1, 10)
        command = r.choice(
            [
                f"Count from {spoken(r, a)} to {spoken(r, b)}",
                f"List the numbers from {a} to {b}",
                f"Count from {a} up to {b}",
            ]
        )
        numbers = list(range(a, b + 1))
    else:
        n = r.randint(2, 12)
        command = r.choice(
            [
                f"Count down from {spoken(r, n)}",
                f"Count backwards from {n}",
                f"Count down from {n} to 1",
                f"Count backwards from {n} to 1",
            ]
        )
        numbers = list(range(n, 0, -1))
    return [user(request(r, command)), bot(", ".join(map(str, numbers)))]


def comparing(r: Random) -> Turns:
    """Say which of two numbers is bigger or smaller, or whether one is even."""
    a, b = r.sample(range(21), 2)
    if r.random() < 0.4:
        larger = r.random() < 0.5
        how = r.choice(["bigger", "larger", "greater"] if larger else ["smaller", "less"])
        found = max(a, b) if larger else min(a, b)
        return [user(loosen(r, f"Which is {how}, {a} or {b}?")), bot(f"{found} is {how}.")]
    if r.random() < 0.7:
        how = r.choice(["bigger", "greater", "larger"])
        return [user(loosen(r, f"Is {a} {how} than {b}?")), bot("Yes." if a > b else "No.")]
    kind = r.choice(["even", "odd"])
    return [
        user(loosen(r, f"Is {a} {kind}?")),
        bot("Yes." if (a % 2 == 0) == (kind == "even") else "No."),
    ]
