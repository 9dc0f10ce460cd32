"""Chat templates: the Jinja program in a model's file, run with bounds.

A template comes with the weights, so it is untrusted code. Jinja's immutable sandbox keeps it from
Python's internals (CVE-2024-34359 and its kin ran shell commands), but not from endless loops and
texts of gigabytes. `_BoundedEnvironment` therefore limits the size of every value that can grow
(operators, calls, filters, literals) before it is made, and `_Steps` counts the lines that run.
"""

from __future__ import annotations

import datetime
import functools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any, NoReturn

from jinja2 import TemplateError, pass_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import do_round
from jinja2.nodes import Call, CallBlock, Concat, Dict, Getitem, List, Name, Node, Slice, Tuple
from jinja2.sandbox import ImmutableSandboxedEnvironment

from LLM.exceptions import InvalidRequestError

#: Longest prompt that a template may make, in characters.
MAX_OUTPUT_CHARS = 16_000_000
#: Longest list that it may make on the way, its items' items counted too.
MAX_ITEMS = 1_000_000
#: Lines of the compiled template that may run; a chat of 1,000 turns takes some 40,000.
MAX_STEPS = 2_000_000
#: Seconds that they may take; single operations are short by the bounds above.
MAX_SECONDS = 5.0
MAX_SOURCE_CHARS = 1_000_000
#: Characters and items that all values made in one rendering may have together.
MAX_MADE = 100_000_000
#: Bits of a number: a division takes the square of their number.
_MAX_BITS = 4096
#: Places that a number is rounded to; `round` takes ten to their power first.
_MAX_PLACES = 300
_MAX_RANGE = 100_000

#: Filters that real templates use and whose result is no larger than what goes in.
_FILTERS = frozenset(
    "abs bool capitalize count d default dictsort e escape first float groupby int items join last "
    "length list lower map max min reject rejectattr replace reverse round safe select selectattr "
    "sort string title tojson trim unique upper".split()
)
#: Methods that pad or repeat, or that lead to bytes, which have such methods too.
_GROWING_METHODS = frozenset(
    ("center", "ljust", "rjust", "zfill", "expandtabs", "format", "format_map", "translate",
     "encode", "to_bytes", "from_bytes")
)  # fmt: skip


class _TooMuch(Exception):
    """A bound was passed."""


class _TemplateRefusal(Exception):
    """The template itself refused the messages, with `raise_exception`."""


_made = threading.local()


def _spend(value: Any) -> Any:
    """`value`, its characters or items counted: many values in bounds fill a machine too."""
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise _TooMuch(f"a number of more than {_MAX_BITS:,} bits")
    elif size := _size(value):
        _check_size(value, size)
        _made.n = getattr(_made, "n", 0) + size
        if _made.n > MAX_MADE:
            raise _TooMuch(f"values of more than {MAX_MADE:,} characters and items on the way")
    return value


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter `function`, its result counted."""

    @functools.wraps(function)  # with the marks by which Jinja knows what to pass
    def counted(*args: Any, **kwargs: Any) -> Any:
        return _spend(function(*args, **kwargs))

    return counted


def _size(value: object) -> int:
    return len(value) if isinstance(value, (str, bytes, list, tuple, dict)) else 0


def _check_size(like: object, size: int) -> None:
    """Refuse a value of the kind of `like` and of this size, before it is made."""
    limit = MAX_OUTPUT_CHARS if isinstance(like, (str, bytes)) else MAX_ITEMS
    if size > limit:
        raise _TooMuch(f"a value of more than {limit:,} items")


def _bounded(value: Any) -> Any:
    """`value`, unless it or the tree of lists below it is too large.

    A list that holds one list twice, and so on sixty times, is small in memory and endless to
    print or to compare: it is counted as a tree. So are its texts.
    """
    if isinstance(value, str) or not _size(value):
        return _spend(value)
    left, n_items, n_chars = [value], 0, 0
    while left:
        item = left.pop()
        if isinstance(item, str):
            n_chars += len(item)
            _check_size(item, n_chars)
        elif isinstance(item, (list, tuple, dict)):
            n_items += len(item)
            _check_size(item, n_items)
            left.extend(item.values() if isinstance(item, dict) else item)
    return _spend(value)


@pass_context  # so that Jinja does not compute constants while it compiles, without bounds
def _finalize(_: Any, value: Any) -> Any:
    return _bounded(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(_bounded(value))


def _replace(text: Any, old: str, new: str, count: int = -1) -> str:
    text, old, new = _text(text), str(old), str(new)
    n_found = text.count(old)
    _check_size(text, len(text) + (n_found if count < 0 else min(count, n_found)) * len(new))
    replaced: str = text.replace(old, new, count)
    return replaced


def _join(values: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    texts, size = [], 0
    for value in values:
        text = _text(value if attribute is None else _member(value, attribute))
        size += len(text) + len(separator)
        _check_size(text, size)
        texts.append(text)
    return str(separator).join(texts)


def _member(value: Any, name: str) -> Any:
    return value.get(name, "") if isinstance(value, Mapping) else ""


def _tojson(value: Any, indent: int | None = None, ensure_ascii: bool = False, **_: Any) -> str:
    """Without HTML escapes, unlike Jinja's own: a prompt is no web page."""
    indent = None if indent is None else max(0, min(int(indent), 16))
    try:
        return json.dumps(_bounded(value), ensure_ascii=bool(ensure_ascii), indent=indent)
    except (TypeError, ValueError) as err:
        raise TemplateError(f"tojson cannot write this value: {err}") from err


def _rounding(value: Any, precision: int = 0, method: str = "common") -> Any:
    if not -_MAX_PLACES <= precision <= _MAX_PLACES:
        raise _TooMuch(f"a number rounded to more than {_MAX_PLACES} places")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # any text; it checks


def _range(*arguments: int) -> range:
    numbers = range(*arguments)
    if len(numbers) > _MAX_RANGE:
        raise _TooMuch(f"a range of more than {_MAX_RANGE:,} numbers")
    return numbers


class _Generation(Extension):
    """``{% generation %}`` marks what a model is trained on; for a prompt it says nothing."""

    tags = {"generation"}  # noqa: RUF012  # as Jinja declares it

    def parse(self, parser: Any) -> Node | list[Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller: Callable[[], str]) -> str:
        return caller()


class _BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with bounds on the size of what a template makes."""

    intercepted_binops = frozenset(("+", "*", "**", "%", "//"))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[loopcontrols, _Generation],
            finalize=_finalize,
            optimized=False,
        )
        self.filters = {name: self.filters[name] for name in _FILTERS & self.filters.keys()}
        self.filters.update(
            replace=_replace, join=_join, tojson=_tojson, string=_text, round=_rounding
        )
        self.filters = {name: _counted(function) for name, function in self.filters.items()}
        self.globals = {"range": _range, "dict": dict, "namespace": self.globals["namespace"]}
        self.globals.update(raise_exception=_refuse, strftime_now=_strftime_now)
        self.globals.update(_bounded=_bounded, _joined=_joined)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            sized, times = (left, right) if _size(left) else (right, left)
            if _size(sized) and isinstance(times, int):
                _check_size(sized, _size(sized) * times)
            elif _bits(left) + _bits(right) > _MAX_BITS:
                raise _TooMuch(f"a number of more than {_MAX_BITS:,} bits")
        elif operator == "+":
            _check_size(left, _size(left) + _size(right))
        elif operator == "**" and not (_bits(left) < 64 and _bits(right) < 6):
            raise _TooMuch("a power too large")
        elif operator == "%" and isinstance(left, (str, bytes)):
            raise _TooMuch("the operator % on a text")
        return _bounded(super().call_binop(context, operator, left, right))

    def call(self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            name = getattr(__obj, "__name__", "")
            if name == "replace":
                return _spend(_replace(owner, *args))
            if name == "join":
                return _spend(_join(args[0], owner))
        return _bounded(super().call(__context, __obj, *args, **kwargs))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, (str, int)) and attr in _GROWING_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Any:
        if isinstance(getattr(value, "__self__", None), str) and value.__name__ in _GROWING_METHODS:
            raise SecurityError(f"str.{value.__name__} is not available to templates")
        return None

    def _parse(self, source: str, name: str | None, filename: str | None) -> Any:
        """Turn ``a ~ b`` and literals, which the sandbox does not see, into calls."""
        tree = super()._parse(source, name, filename)
        _bound_children(tree)
        return tree


def _bits(value: object) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _bound_children(node: Node) -> None:
    for field, value in node.iter_fields():
        if isinstance(value, list):
            setattr(node, field, [_bound_node(item) for item in value])
        else:
            setattr(node, field, _bound_node(value))


def _bound_node(value: Any) -> Any:
    if not isinstance(value, Node):
        return value
    _bound_children(value)
    if isinstance(value, Concat):
        return _call_of("_joined", value.nodes, value.lineno)
    is_literal = isinstance(value, (List, Dict)) or (
        isinstance(value, Tuple) and value.ctx == "load"
    )
    is_cut = isinstance(value, Getitem) and isinstance(value.arg, Slice)
    return _call_of("_bounded", [value], value.lineno) if is_literal or is_cut else value


def _call_of(function: str, arguments: list[Any], line: int) -> Call:
    name = Name(function, "load", lineno=line)
    return Call(name, arguments, [], None, None, lineno=line)


def _joined(*values: Any) -> str:
    return _join(values)


def _refuse(message: object = "") -> NoReturn:
    raise _TemplateRefusal(str(message)[:500])


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(str(form)[:100])


class _Steps:
    """Counts the lines that run in one compiled template, through `sys.settrace`.

    The count gives the same verdict every time; the clock is for lines that are slow each.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._left = limit
        self._deadline = time.monotonic() + seconds
        self._before: Any = None

    def __enter__(self) -> None:
        _made.n = 0
        self._before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *exc_info: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        code: CodeType = frame.f_code
        self._count()  # a filter can call a function for each of many items on one line
        return self._line if code.co_filename == _FILENAME else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._count()
        return self._line

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._deadline:
            raise _TooMuch("more steps than a template may take")


_FILENAME = "<chat template>"


class ChatTemplate:
    """A compiled chat template.

    :param source: Jinja source.
    :param bos_token: text that the template knows as `bos_token`.
    :param eos_token: text that it knows as `eos_token`.
    :raises InvalidRequestError: it cannot be compiled.
    """

    def __init__(self, source: str, *, bos_token: str = "", eos_token: str = "") -> None:
        environment = _BoundedEnvironment()
        if len(source) > MAX_SOURCE_CHARS:
            raise _unusable(f"it has {len(source):,} characters")
        try:
            code = environment.compile(source, filename=_FILENAME)
            self._template = environment.template_class.from_code(
                environment, code, environment.make_globals(None)
            )
        except (TemplateError, RecursionError, SyntaxError, MemoryError, ValueError) as err:
            raise _unusable(f"{type(err).__name__}: {err}") from err
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None
    ) -> str:
        """The prompt for `messages`, up to where the assistant's answer begins.

        :param messages: plain dicts with `role` and `content`.
        :param tools: tools in OpenAI's nested form; None when there are none.
        :raises InvalidRequestError: the template refuses the messages, fails, or passes a bound.
        """
        values = {
            "messages": messages,
            "tools": tools,
            "add_generation_prompt": True,
            **self._tokens,
        }
        pieces: list[str] = []
        size = 0
        try:
            with _Steps(MAX_STEPS, MAX_SECONDS):
                for piece in self._template.generate(values):
                    size += len(piece)
                    if size > MAX_OUTPUT_CHARS:
                        raise _TooMuch(f"a prompt of more than {MAX_OUTPUT_CHARS:,} characters")
                    pieces.append(piece)
                text = "".join(pieces)
                text.encode()  # a template can spell half of a surrogate pair
                return text
        except _TemplateRefusal as err:
            raise InvalidRequestError(
                f"the model's chat template refuses these messages: {err}", status_code=400
            ) from None
        except _TooMuch as err:
            raise _unusable(f"it makes {err}") from None
        except Exception as err:  # a template can raise anything that an expression can
            raise _unusable(f"{type(err).__name__}: {str(err)[:300]}") from err


def _unusable(reason: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the model's chat template cannot be used with this request: {reason}",
        status_code=400,
        code="chat_template_error",
    )


#: For models without a template of their own: the markup that most small models know.
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\\n' ~ (m.content or '') "
    "~ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
