"""Turns answered in JSON: from the wording alone, or to a JSON schema that stands in the prompt."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from .chat import Turns, bot, system, user
from .phrasing import loosen, question, request
from .sums import sum_question
from .words import CAPITALS, COLORS, FOODS, JOBS, THINGS, city, made_up_word, person, word

Schema = dict[str, Any]


def dump(value: object) -> str:
    """Write a value as JSON on one line, in the spacing of ``json.dumps``."""
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Field:
    """A field's JSON type, how a value is made, and how it is told in words."""

    kind: str
    make: Callable[[Random], Any]
    told: Callable[[Any], str]


SIZES = ["small", "medium", "large"]
FIELDS: dict[str, Field] = {
    "name": Field("string", person, lambda v: f"the name is {v}"),
    "age": Field("integer", lambda r: r.randint(1, 99), lambda v: f"the age is {v}"),
    "city": Field("string", city, lambda v: f"the city is {v}"),
    "country": Field("string", lambda r: r.choice(list(CAPITALS)), lambda v: f"the country is {v}"),
    "job": Field("string", lambda r: r.choice(JOBS), lambda v: f"the job is {v}"),
    "color": Field("string", lambda r: r.choice(COLORS), lambda v: f"the color is {v}"),
    "food": Field("string", lambda r: r.choice(FOODS), lambda v: f"the food is {v}"),
    "price": Field(
        "number",
        lambda r: r.randint(1, 99) + r.choice([0, 0.5, 0.99]),
        lambda v: f"the price is {v}",
    ),
    "count": Field("integer", lambda r: r.randint(0, 99), lambda v: f"the count is {v}"),
    "title": Field("string", word, lambda v: f"the title is {v}"),
    "active": Field(
        "boolean", lambda r: r.random() < 0.5, lambda v: "it is active" if v else "it is not active"
    ),
    "tags": Field(
        "array",
        lambda r: [word(r) for _ in range(r.randint(1, 3))],
        lambda v: "the tags are " + " and ".join(v),
    ),
    "email": Field(
        "string", lambda r: f"{person(r).lower()}@example.com", lambda v: f"the email is {v}"
    ),
    "score": Field("integer", lambda r: r.randint(0, 100), lambda v: f"the score is {v}"),
    "size": Field("enum", lambda r: r.choice(SIZES), lambda v: f"the size is {v}"),
    "numbers": Field(
        "integers",
        lambda r: [r.randint(0, 99) for _ in range(r.randint(1, 4))],
        lambda v: "the numbers are " + " and ".join(map(str, v)),
    ),
    "year": Field("integer", lambda r: r.randint(1900, 2030), lambda v: f"the year is {v}"),
}

SCHEMA_LEADS = [
    "Answer with JSON that matches this schema: {}",
    "Answer in JSON that follows this schema: {}",
    "Respond with JSON that matches this JSON schema:\n{}",
    "Reply with a JSON object for this schema: {}",
    "Use this JSON schema: {}",
    "JSON schema: {}",
    "Answer only with JSON. Schema:\n{}",
    "Return a JSON object that conforms to this schema: {}",
    "Your answer must be JSON of this schema:\n{}",
    "Respond only with a JSON object matching the schema {}",
    "Schema: {}",
    "Output JSON with this schema: {}",
    "Answer as JSON that follows this JSON Schema:\n{}",
    "Answer with a JSON value that fits this schema:\n{}",
]


def field_schema(field: Field) -> Schema:
    """Give one property's schema."""
    special: dict[str, Schema] = {
        "array": {"type": "array", "items": {"type": "string"}},
        "integers": {"type": "array", "items": {"type": "integer"}},
        "enum": {"type": "string", "enum": SIZES},
    }
    return special.get(field.kind) or {"type": field.kind}


def object_schema(r: Random, fields: dict[str, Schema]) -> Schema:
    """Wrap properties as an object schema, with the order and extras that libraries write."""
    schema: Schema = {"type": "object", "properties": fields, "required": list(fields)}
    chance = r.random()
    if chance < 0.2:  # pydantic's shape
        titled = {k: {"title": k.capitalize(), **v} for k, v in fields.items()}
        schema = {
            "properties": titled,
            "required": list(fields),
            "title": r.choice(["Person", "Answer", "Item"]),
            "type": "object",
        }
    elif chance < 0.4:
        schema["additionalProperties"] = False
    elif chance < 0.5:
        del schema["required"]
    return schema


def place_schema(r: Random, schema: Schema, asked: str, answer: str) -> Turns:
    """Put the schema in a system turn or in the user's turn, before or after the question."""
    lead = r.choice(SCHEMA_LEADS).format(dump(schema))
    chance = r.random()
    if chance < 0.5:
        head = r.choice(["", "", "You are a helpful assistant.\n", "You are helpful.\n\n"])
        return [system(head + lead), user(asked), bot(answer)]
    return [user(f"{asked}\n{lead}" if chance < 0.8 else f"{lead}\n{asked}"), bot(answer)]


def tell(r: Random, values: dict[str, Any], fields: dict[str, Field]) -> str:
    """Tell an object's values in words, in the object's order or shuffled."""
    keys = list(values)
    if r.random() < 0.15:
        r.shuffle(keys)
    if {"name", "age"} <= set(keys) and r.random() < 0.6:
        age = r.choice(
            [f"{values['age']} years old", f"{values['age']} years old", str(values["age"])]
        )
        parts = [
            r.choice(
                [
                    f"{values['name']} is {age}",
                    f"{values['name']} is {age}",
                    f"My name is {values['name']} and I am {age}",
                ]
            )
        ]
        if "city" in keys:
            parts.append(f"lives in {values['city']}")
        parts += [fields[k].told(values[k]) for k in keys if k not in ("name", "age", "city")]
        return " and ".join(parts) + "."
    style = r.random()
    if style < 0.4:
        text = ", ".join(fields[k].told(values[k]) for k in keys)
        return text[0].upper() + text[1:] + "."
    mark = r.choice([": ", "=", " "])
    return ", ".join(
        f"{k}{mark}{dump(values[k]) if not isinstance(values[k], str) else values[k]}" for k in keys
    )


def made_up_fields(r: Random, count: int) -> dict[str, Field]:
    """Make fields whose keys are random words."""

    def told_of(key: str) -> Callable[[Any], str]:
        return lambda v: f"the {key} is {v}"

    out: dict[str, Field] = {}
    while len(out) < count:
        key = word(r) if r.random() < 0.7 else f"{made_up_word(r)}_{word(r)}"
        kind: tuple[str, Callable[[Random], Any]] = r.choice(
            [("string", word), ("string", person), ("integer", lambda r: r.randint(0, 999))]
        )
        out[key] = Field(kind[0], kind[1], told_of(key))
    return out


def filled_schema(r: Random) -> Turns:
    """An object whose values the user tells, with its schema."""
    count = r.choice((1, 2, 2, 2, 3, 3, 4))
    if r.random() < 0.75:
        keys = r.sample(list(FIELDS), count)
        if r.random() < 0.5:
            keys = [*["name", "age"][:count], *[k for k in keys if k not in ("name", "age")]][
                : max(count, 2)
            ]
        fields = {k: FIELDS[k] for k in keys}
    else:
        fields = made_up_fields(r, count)
    values = {k: f.make(r) for k, f in fields.items()}
    asked = tell(r, values, fields)
    if r.random() < 0.4:
        asked = (
            r.choice(
                [
                    "Extract the data: ",
                    "Extract: ",
                    "Parse this: ",
                    "Make JSON of this: ",
                    "Fill in: ",
                    "Extract the person: ",
                    "Extract the fields: ",
                ]
            )
            + asked
        )
    schema = object_schema(r, {k: field_schema(f) for k, f in fields.items()})
    return place_schema(r, schema, asked, dump(values))


def invented_schema(r: Random) -> Turns:
    """An object whose values nobody told: the model makes some up, always the same ones."""
    defaults: dict[str, Any] = {
        "name": "Alice",
        "age": 30,
        "city": "Paris",
        "country": "France",
        "job": "teacher",
        "color": "blue",
        "food": "pizza",
        "price": 9.5,
        "count": 3,
        "title": "apple",
        "active": True,
        "tags": ["red", "blue"],
        "year": 2020,
        "email": "alice@example.com",
    }
    keys = [
        "name",
        "age",
        *r.sample([k for k in defaults if k not in ("name", "age")], r.choice((0, 1, 1, 2))),
    ]
    if r.random() < 0.3:
        keys = r.sample(list(defaults), r.randint(1, 3))
    kinds = {**{k: field_schema(f) for k, f in FIELDS.items()}, "email": {"type": "string"}}
    asked = request(
        r,
        r.choice(
            [
                "Generate a person",
                "Make up a person",
                "Invent a person",
                "Create a person",
                "Give me a person",
                "Describe a person",
                "Give me an example",
                "Generate an item",
                "Give me some JSON",
                "Return JSON",
                "Create a user",
                "Generate a user",
            ]
        ),
    )
    schema = object_schema(r, {k: kinds[k] for k in keys})
    if len(keys) > 1 and r.random() < 0.2:
        schema["required"] = keys[:2]
    return place_schema(r, schema, asked, dump({k: defaults[k] for k in keys}))


def answer_schema(r: Random) -> Turns:
    """A question whose answer goes into a schema's one field (or two)."""
    chance = r.random()
    if chance < 0.5:
        asked, _, value = sum_question(r)
        key = r.choice(["answer", "result", "value", "sum", "answer", "number", "total"])
        schema = object_schema(r, {key: {"type": r.choice(["integer", "integer", "number"])}})
        return place_schema(r, schema, asked, dump({key: value}))
    if chance < 0.75:
        c = r.choice(list(CAPITALS))
        asked = question(r, f"the capital of {c}")
        if r.random() < 0.6:
            key = r.choice(["capital", "city", "answer"])
            return place_schema(
                r, object_schema(r, {key: {"type": "string"}}), asked, dump({key: CAPITALS[c]})
            )
        both = {"country": {"type": "string"}, "capital": {"type": "string"}}
        return place_schema(
            r, object_schema(r, both), asked, dump({"country": c, "capital": CAPITALS[c]})
        )
    if chance < 0.9:
        t = r.choice(list(THINGS))
        shapes: list[tuple[str, Schema]] = [
            ("color", {"type": "string"}),
            ("answer", {"type": "string"}),
            ("color", {"type": "string", "enum": COLORS[: r.randint(6, 10)]}),
        ]
        key, value_schema = r.choice(shapes)
        return place_schema(
            r,
            object_schema(r, {key: value_schema}),
            loosen(r, f"What color is the {t}?"),
            dump({key: THINGS[t]}),
        )
    a, b = r.sample(range(30), 2)
    key = r.choice(["answer", "result", "value", "ok"])
    return place_schema(
        r,
        object_schema(r, {key: {"type": "boolean"}}),
        loosen(r, f"Is {a} {r.choice(['bigger', 'greater', 'larger'])} than {b}?"),
        dump({key: a > b}),
    )


def json_order(r: Random, text: str, answer: object) -> Turns:
    """Ask for JSON without a schema, in the user's turn or by a system turn."""
    if r.random() < 0.35:
        lead = r.choice(
            [
                "Answer in JSON.",
                "Always answer in JSON.",
                "Reply with JSON only.",
                "Respond in JSON.",
                "You only answer in JSON.",
                "Answer with a JSON object.",
            ]
        )
        return [system(lead), user(text), bot(dump(answer))]
    tail = r.choice(
        [
            "Answer in JSON.",
            "Reply in JSON.",
            "Give me JSON.",
            "Answer as JSON.",
            "As JSON, please.",
            "Return JSON.",
            "Respond with JSON only.",
            "In JSON.",
            "Answer with a JSON object.",
        ]
    )
    if text[-1] not in ".?!":
        text = text.rstrip() + "."
    return [user(f"{text} {tail}"), bot(dump(answer))]


def json_by_wording(r: Random) -> Turns:
    """JSON asked for in words, whose keys the wording names or the kind of question fixes."""
    name, age, place = person(r), r.randint(1, 99), city(r)
    who = f"{name}, who is {age}"
    kind = r.randint(0, 7)
    if kind == 0:
        return [
            user(
                request(
                    r,
                    r.choice(
                        [
                            f"Give me a JSON object with name {name} and age {age}",
                            f"Return JSON with name {name} and age {age}",
                            f"Make a JSON object for a person called {name} who is {age}",
                            f"Write a JSON object with the name {name} and the age {age}",
                            f"Create JSON with name {name}, age {age}",
                            f"Return a JSON object with the keys name and age for {who}",
                            f"Give me JSON with the keys name and age for {name}, {age} years old",
                            f"Give me a JSON object with the name {name} and the age {age}",
                            f"Make JSON: name {name}, age {age}",
                        ]
                    ),
                )
            ),
            bot(dump({"name": name, "age": age})),
        ]
    if kind == 1:
        told = f"{name} is {age} years old and lives in {place}."
        lead = r.choice(
            [
                "Extract the person as JSON: ",
                "JSON please: ",
                "Turn this into JSON: ",
                "As JSON: ",
                "Convert to JSON: ",
                "Make JSON of this: ",
                "Extract JSON: ",
                "Write this as JSON: ",
            ]
        )
        short = r.random() < 0.4
        return [
            user(lead + (f"{name} is {age} years old." if short else told)),
            bot(
                dump(
                    {"name": name, "age": age}
                    if short
                    else {"name": name, "age": age, "city": place}
                )
            ),
        ]
    if kind == 2:
        n = r.randint(2, 5)
        return [
            user(
                request(
                    r,
                    r.choice(
                        [
                            f"Give me a JSON list of {n} colors",
                            f"Return a JSON array with {n} colors",
                            f"Write {n} colors as a JSON array",
                            f"List {n} colors as JSON",
                        ]
                    ),
                )
            ),
            bot(dump(COLORS[:n])),
        ]
    if kind == 3:
        asked, _, value = sum_question(r)
        return json_order(r, asked, {"answer": value})
    if kind == 4:
        c = r.choice(list(CAPITALS))
        return json_order(
            r, question(r, f"the capital of {c}"), {"country": c, "capital": CAPITALS[c]}
        )
    if kind == 5:
        return json_order(r, f"{name} is {age} years old.", {"name": name, "age": age})
    if kind == 7:
        asked, _, value = sum_question(r)
        key = r.choice(["answer", "result", "value", "sum", word(r)])
        told = r.choice(
            [
                f"Answer in JSON with the key {key}: {asked}",
                f'Reply in JSON with a key "{key}". {asked}',
                f"{asked} Answer in JSON with the key {key}.",
                f'{asked} Use the JSON key "{key}".',
            ]
        )
        return [user(told), bot(dump({key: value}))]
    fields = made_up_fields(r, r.randint(1, 3))
    values = {k: f.make(r) for k, f in fields.items()}
    told = r.choice([", ".join, " and ".join])([f"{k} {v}" for k, v in values.items()])
    return [
        user(
            request(
                r,
                r.choice(
                    [
                        f"Give me a JSON object with {told}",
                        f"Return JSON with {told}",
                        f"Write JSON with {told}",
                        f"Make a JSON object with {told}",
                    ]
                ),
            )
        ),
        bot(dump(values)),
    ]


def structured(r: Random) -> Turns:
    """One JSON answer of any kind."""
    makers = [
        filled_schema,
        filled_schema,
        invented_schema,
        answer_schema,
        json_by_wording,
        json_by_wording,
    ]
    return r.choice(makers)(r)
