"""Jinja's sandbox with bounds: on operators, calls, filters and literals, before they are made."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Call, CallBlock, Concat, Dict, Getitem, List, Name, Node, Slice, Tuple
from jinja2.sandbox import ImmutableSandboxedEnvironment

from local_llm_kit.templates import filters
from local_llm_kit.templates.bounds import MAX_BITS, TooMuch, bounded, check_size, size_of, spend

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


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter `function`, its result counted."""

    @functools.wraps(function)  # with the marks by which Jinja knows what to pass
    def counted(*args: Any, **kwargs: Any) -> Any:
        return spend(function(*args, **kwargs))

    return counted


class _Generation(Extension):
    """``{% generation %}`` marks what a model is trained on; for a prompt it says nothing."""

    tags = {"generation"}  # noqa: RUF012  # as Jinja declares it

    def parse(self, parser: Any) -> Node | list[Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller: Callable[[], str]) -> str:
        return caller()


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with bounds on the size of what a template makes."""

    intercepted_binops = frozenset(("+", "*", "**", "%", "//"))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[loopcontrols, _Generation],
            finalize=filters.finalize,
            optimized=False,
        )
        self.filters = {name: self.filters[name] for name in _FILTERS & self.filters.keys()}
        self.filters.update(
            replace=filters.replace,
            join=filters.join,
            tojson=filters.tojson,
            string=filters.text_of,
            round=filters.rounded,
        )
        self.filters = {name: _counted(function) for name, function in self.filters.items()}
        self.globals = {
            "range": filters.bounded_range,
            "dict": dict,
            "namespace": self.globals["namespace"],
            "raise_exception": filters.refuse,
            "strftime_now": filters.strftime_now,
            "_bounded": bounded,
            "_joined": filters.joined,
        }

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """An operator between two values."""
        if operator == "*":
            sized, times = (left, right) if size_of(left) else (right, left)
            if size_of(sized) and isinstance(times, int):
                check_size(sized, size_of(sized) * times)
            elif _bits(left) + _bits(right) > MAX_BITS:
                raise TooMuch(f"a number of more than {MAX_BITS:,} bits")
        elif operator == "+":
            check_size(left, size_of(left) + size_of(right))
        elif operator == "**" and not (_bits(left) < 64 and _bits(right) < 6):
            raise TooMuch("a power too large")
        elif operator == "%" and isinstance(left, str):
            raise TooMuch("the operator % on a text")
        return bounded(super().call_binop(context, operator, left, right))

    def call(self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """A call of a function or method."""
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            name = getattr(__obj, "__name__", "")
            if name == "replace":
                return spend(filters.replace(owner, *args))
            if name == "join":
                return spend(filters.join(args[0], owner))
        return bounded(super().call(__context, __obj, *args, **kwargs))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether templates may use an attribute."""
        if isinstance(obj, (str, int)) and attr in _GROWING_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Any:
        """Refuse `str.format`, which Jinja would allow within its sandbox."""
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
