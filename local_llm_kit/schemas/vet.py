"""JSON schemas of strangers: checked, and rewritten into what constrained decoding holds exactly.

The result allows only what the schema allows; it may allow less. It is closed where the schema
leaves the door open for anything: an object with properties has no others, unless the schema says
so; values of no type are not nested without end; numbers end (see `numbers`). A language model that
follows it can stop at any point of a text that goes on, and ends.

Keywords that say nothing about the value are dropped; those that cannot be held are refused by
name, as are unknown ones, which would be ignored otherwise, and with them what a typing error
meant to say.

Source: https://json-schema.org/draft/2020-12; the older spellings ``definitions``, a list as
``items`` and ``additionalItems`` are read too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from local_llm_kit.fields import invalid
from local_llm_kit.schemas.alternatives import exclude_each_other
from local_llm_kit.schemas.dropped import check_dropped
from local_llm_kit.schemas.formats import hold_format
from local_llm_kit.schemas.keywords import CHECKS, MAX_NAMES, TYPES, listed
from local_llm_kit.schemas.numbers import BOUNDS, MAX_MULTIPLE, bound, coefficient
from local_llm_kit.schemas.patterns import portable
from local_llm_kit.schemas.references import Targets
from local_llm_kit.schemas.shortest import shortest

MAX_SCHEMA_BYTES = 64 << 10
MAX_DEPTH = 32
MAX_BRANCHES = 256
#: Patterns that may meet in one text or one name. 16 take 0.06 s, 32 more than 4 GB.
MAX_COMBINED = 16
#: Characters of the shortest value; more never fit a window.
MAX_SHORTEST = 1 << 16
#: Levels of lists and objects in a value of which the schema says nothing.
FREE_DEPTH = 8

_MAPS = frozenset(("properties", "patternProperties", "$defs", "definitions"))
_LISTS = frozenset(("anyOf", "allOf", "oneOf", "prefixItems"))
_SINGLES = frozenset(("items", "additionalProperties"))
_APPLICATORS = frozenset(("anyOf", "allOf", "oneOf", "$ref"))
#: Keywords whose meaning depends on what is beside them, also across branches.
_SHARED = frozenset(
    ("properties", "patternProperties", "additionalProperties", "required", "items", "prefixItems",
     "minProperties", "maxProperties", *BOUNDS)
)  # fmt: skip


def vet_schema(schema: Any, param: str) -> str:
    """Check a schema.

    :param schema: an object, or a bool.
    :param param: the argument that it came in, for the error.
    :return: the rewritten schema as JSON text.
    :raises InvalidRequestError: says where and why; what is wrong is the caller's to change.
    """
    try:
        text = to_json(schema, inf_nan_mode="constants")
        if len(text) > MAX_SCHEMA_BYTES:
            raise ValueError(f"it has {len(text):,} bytes; at most {MAX_SCHEMA_BYTES:,} are read")
        return _vetted(text)
    except PydanticSerializationError:
        problem = "it cannot be written as JSON"
    except RecursionError:
        problem = "it is nested too deeply"
    except ValueError as err:
        problem = str(err)
    raise invalid(param, f"the JSON schema in {param} cannot be used: {problem}", "invalid_schema")


@lru_cache(maxsize=256)
def _vetted(text: bytes) -> str:
    schema = from_json(text)
    rewriter = _Rewriter(schema)
    out = rewriter.document(schema)
    targets = Targets(out)
    for part in rewriter.alternatives:
        if "anyOf" not in part and exclude_each_other(part["oneOf"], targets.find):
            part["anyOf"] = part.pop("oneOf")
    size = shortest(out, {name: targets.find(name) for name in rewriter.references})
    if size > MAX_SHORTEST:
        least = f"its shortest value has {size:,.0f} characters" if size < float("inf") else (
            "no value of it can end (something requires itself, or nothing is allowed)"
        )  # fmt: skip
        raise ValueError(least)
    return json.dumps(out, ensure_ascii=False, allow_nan=False)


class _Rewriter:
    """Walks over one schema.

    :ivar references: every reference that it met.
    :ivar alternatives: every part with a ``oneOf``.
    """

    def __init__(self, root: Any) -> None:
        self.references: dict[str, None] = {}
        self.alternatives: list[dict[str, Any]] = []
        self._composed = _composes(root)
        self._multiples = 1
        self._n_patterns = 0
        self._free = "any-value"
        taken = root.get("$defs") if isinstance(root, dict) else None
        while isinstance(taken, dict) and any(name.startswith(self._free) for name in taken):
            self._free += "_"
        self._uses_free = False

    def document(self, root: Any) -> dict[str, Any]:
        out = self._schema(root, "#", 0)
        if not isinstance(out, dict):
            raise ValueError("it allows no value")
        if self._uses_free:
            definitions = out.setdefault("$defs", {})
            for level in range(FREE_DEPTH + 1):
                definitions[self._name(level)] = self._free_value(level)
                self.references[f"#/$defs/{self._name(level)}"] = None
        return out

    def _schema(self, value: Any, path: str, depth: int) -> dict[str, Any] | bool:
        if value is False:
            return False
        if value is True or value == {}:
            return self._anything()
        if not isinstance(value, dict):
            raise ValueError(f"{_shown(path)} must be a schema: an object, true or false")
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep at {_shown(path)}")
        out: dict[str, Any] = {}
        for keyword, item in _modern(value).items():
            place = f"{path}/{keyword}"
            with _at(place):
                self._keyword(out, keyword, item, place, depth)
        with _at(path):
            self._finish(out, value)
        return out

    def _keyword(
        self, out: dict[str, Any], keyword: str, item: Any, place: str, depth: int
    ) -> None:
        if keyword in _MAPS:
            out[keyword] = {
                name: self._schema(one, f"{place}/{name}", depth + 1)
                for name, one in _mapping(keyword, item).items()
            }
        elif keyword in _LISTS:
            out[keyword] = [
                self._schema(one, f"{place}/{i}", depth + 1)
                for i, one in enumerate(listed(keyword, item, MAX_BRANCHES))
            ]
        elif keyword in _SINGLES:
            out[keyword] = self._schema(item, place, depth + 1)
        elif keyword == "$ref":
            out[keyword] = item
            self.references[_reference(item)] = None
        elif keyword in CHECKS:
            out[keyword] = CHECKS[keyword](item)
        elif keyword != "format":
            check_dropped(keyword, item, is_root=not depth)

    def _finish(self, out: dict[str, Any], given: dict[str, Any]) -> None:
        """What depends on several keywords of one schema."""
        if "oneOf" in out:
            self.alternatives.append(out)
        if "format" in given:
            hold_format(out, given["format"])
        self._check_patterns(given)
        _check_properties(out)
        fixed = "enum" in out or "const" in out
        kinds = set(out.get("type", TYPES))
        applied = not _APPLICATORS.isdisjoint(out)
        numeric = not kinds.isdisjoint(("number", "integer")) and not fixed
        if numeric and (not applied or not out.keys().isdisjoint(BOUNDS)):
            bound(out, cut=not self._composed)
            self._check_multiple(out)
        if self._composed or fixed or applied:
            return
        if "array" in kinds and "items" not in out:
            out["items"] = self._anything()
        if "object" in kinds and "additionalProperties" not in out:
            out["additionalProperties"] = False if _may_close(out) else self._anything()

    def _check_patterns(self, given: dict[str, Any]) -> None:
        """Bound how many patterns one text may have to fit: their automata are multiplied."""
        n_names = len(given.get("patternProperties", ()))
        self._n_patterns += ("pattern" in given) + ("format" in given) + n_names
        if self._composed and self._n_patterns > MAX_COMBINED:
            raise ValueError(
                f"more than {MAX_COMBINED} patterns and formats in a schema whose parts are "
                "combined"
            )

    def _check_multiple(self, out: dict[str, Any]) -> None:
        """Bound what the multiples of all branches come to: their automata are multiplied."""
        if self._composed and "multipleOf" in out:
            self._multiples *= coefficient(out["multipleOf"])
            if self._multiples > MAX_MULTIPLE:
                raise ValueError(
                    f"the values of multipleOf multiply to more than {MAX_MULTIPLE:,} in a schema "
                    "whose parts are combined"
                )

    def _anything(self) -> dict[str, Any]:
        """A schema for any value."""
        if self._composed:
            return {}
        self._uses_free = True
        return {"$ref": f"#/$defs/{self._name(FREE_DEPTH)}"}

    def _name(self, level: int) -> str:
        return f"{self._free}-{level}"

    def _free_value(self, level: int) -> dict[str, Any]:
        number: dict[str, Any] = {"type": ["number"]}
        bound(number)
        branches: list[Any] = [{"type": ["null", "boolean", "string"]}, number]
        if level:
            inner = {"$ref": f"#/$defs/{self._name(level - 1)}"}
            branches.append({"type": ["array"], "items": inner})
            branches.append({"type": ["object"], "additionalProperties": inner})
        return {"anyOf": branches}


class _PlacedError(ValueError):
    """A problem whose place was told."""


@contextmanager
def _at(path: str) -> Iterator[None]:
    """Tell the place of a problem, the innermost one."""
    try:
        yield
    except _PlacedError:
        raise
    except ValueError as err:
        raise _PlacedError(f"{err} (at {_shown(path)})") from None


def _composes(value: Any) -> bool:
    """Whether parts of the schema look at the same object or list from several sides.

    Such parts cannot be closed one by one: each would forbid what another asks for.
    """
    if isinstance(value, list):
        return any(map(_composes, value))
    if not isinstance(value, dict):
        return False
    applied = _APPLICATORS & value.keys()
    if len(applied) > 1 or (applied and not _SHARED.isdisjoint(value)):
        return True
    several = value.get("allOf")
    if isinstance(several, list) and len(several) > 1:
        return True
    return any(map(_composes, value.values()))


def _may_close(schema: dict[str, Any]) -> bool:
    known = schema.get("properties")
    return (
        known is not None
        and "patternProperties" not in schema
        and known.keys() >= set(schema.get("required", ()))
        and len(known) >= schema.get("minProperties", 0)
    )


def _check_properties(schema: dict[str, Any]) -> None:
    least, n_required = schema.get("minProperties", 0), len(schema.get("required", ()))
    closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
    if least > n_required + 1 and not closed:
        # Nothing keeps a model from writing the same name twice, and readers count it once.
        raise ValueError(
            f"minProperties is {least}, more than one above the number of required properties, "
            "which cannot be held; name more of them in required"
        )


def _modern(schema: dict[str, Any]) -> dict[str, Any]:
    """Lists of item schemas as they are spelled since 2020."""
    out = dict(schema)
    if isinstance(out.get("items"), list):
        out["prefixItems"] = out.pop("items")
        if "additionalItems" in out:
            out["items"] = out.pop("additionalItems")
    elif "additionalItems" in out:  # without a list it says nothing
        del out["additionalItems"]
    return out


def _mapping(keyword: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_NAMES:
        raise ValueError(f"{keyword} must be an object of at most {MAX_NAMES:,} schemas")
    if keyword != "patternProperties":
        return value
    if len(value) > MAX_COMBINED:
        raise ValueError(f"patternProperties has more than {MAX_COMBINED} patterns")
    return {portable(name): one for name, one in value.items()}


def _reference(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("#"):
        raise ValueError("$ref must point into the same schema: '#/$defs/NAME'")
    return value


def _shown(path: str) -> str:
    return repr(path if len(path) <= 120 else path[:60] + "…" + path[-58:])
