"""Jinja's filters and functions whose results may be larger than what goes in, with bounds."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from jinja2 import TemplateError, pass_context
from jinja2.filters import do_round

from local_llm_kit.templates.bounds import TemplateRefusal, TooMuch, bounded, check_size

#: Places that a number is rounded to; `round` takes ten to their power first.
_MAX_PLACES = 300
_MAX_RANGE = 100_000


@pass_context  # so that Jinja does not compute constants while it compiles, without bounds
def finalize(_: Any, value: Any) -> Any:
    """What is written of a value."""
    return bounded(value)


def text_of(value: Any) -> str:
    """``string``."""
    return value if isinstance(value, str) else str(bounded(value))


def replace(text: Any, old: str, new: str, count: int = -1) -> str:
    """``replace``, and the method of texts."""
    text, old, new = text_of(text), str(old), str(new)
    n_found = text.count(old)
    check_size(text, len(text) + (n_found if count < 0 else min(count, n_found)) * len(new))
    replaced: str = text.replace(old, new, count)
    return replaced


def join(values: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    """``join``, and the method of texts."""
    texts, size = [], 0
    for value in values:
        text = text_of(value if attribute is None else _member(value, attribute))
        size += len(text) + len(separator)
        check_size(text, size)
        texts.append(text)
    return str(separator).join(texts)


def _member(value: Any, name: str) -> Any:
    return value.get(name, "") if isinstance(value, Mapping) else ""


def tojson(value: Any, indent: int | None = None, ensure_ascii: bool = False, **_: Any) -> str:
    """``tojson``, without HTML escapes, unlike Jinja's own: a prompt is no web page."""
    indent = None if indent is None else max(0, min(int(indent), 16))
    try:
        return json.dumps(bounded(value), ensure_ascii=bool(ensure_ascii), indent=indent)
    except (TypeError, ValueError) as err:
        raise TemplateError(f"tojson cannot write this value: {err}") from err


def rounded(value: Any, precision: int = 0, method: str = "common") -> Any:
    """``round``."""
    if not -_MAX_PLACES <= precision <= _MAX_PLACES:
        raise TooMuch(f"a number rounded to more than {_MAX_PLACES} places")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # any text; it checks


def bounded_range(*arguments: int) -> range:
    """``range``."""
    numbers = range(*arguments)
    if len(numbers) > _MAX_RANGE:
        raise TooMuch(f"a range of more than {_MAX_RANGE:,} numbers")
    return numbers


def joined(*values: Any) -> str:
    """What ``a ~ b ~ c`` makes."""
    return join(values)


def refuse(message: object = "") -> NoReturn:
    """``raise_exception``, by which templates refuse messages."""
    raise TemplateRefusal(str(message)[:500])


def strftime_now(form: str) -> str:
    """``strftime_now``: the time of this machine."""
    return datetime.datetime.now().strftime(str(form)[:100])
