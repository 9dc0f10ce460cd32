"""Chat templates: what they render, and what they cannot do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from LLM import InvalidRequestError
from local_llm_kit.templates import CHATML, ChatTemplate, bounds

MESSAGES = [{"role": "user", "content": "Hello"}]

BIG = "('a' * 15000000)"


def render(source: str, messages: list[dict[str, Any]] | None = None) -> str:
    return ChatTemplate(source, eos_token="</s>").render(messages or MESSAGES, None)


def doubling(start: str, step: str) -> str:
    return (
        f"{{% set n = namespace(x={start}) %}}{{% for i in range(60) %}}"
        f"{{% set n.x = {step} %}}{{% endfor %}}{{{{ n.x }}}}"
    )


def test_the_fallback_writes_chatml() -> None:
    assert render(CHATML) == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


def test_blocks_leave_no_blank_lines() -> None:
    assert (
        render("{% for m in messages %}\n  {% if true %}\nx\n  {% endif %}\n{% endfor %}") == "x\n"
    )


def test_what_real_templates_use_is_there() -> None:
    source = (
        "{%- set ns = namespace(n=0) -%}{%- for m in messages -%}{%- set ns.n = ns.n + 1 -%}"
        "{%- if loop.first %}{{ m['content'] | trim | upper }}{% endif -%}{%- endfor -%}"
        "{{ ns.n }}{{ {'a': 'é<'} | tojson }}{{ eos_token }}{{ messages[::-1] | length }}"
        "{{ strftime_now('%Y') | length }}{% generation %}{% break_ %}{% endgeneration %}"
    ).replace("{% break_ %}", "")
    assert render(source) == 'HELLO1{"a": "é<"}</s>14'


def test_tojson_is_not_escaped_for_html() -> None:
    assert render("{{ messages[0] | tojson }}") == '{"role": "user", "content": "Hello"}'


def test_a_template_can_refuse_messages() -> None:
    with pytest.raises(InvalidRequestError, match="refuses these messages: roles must alternate"):
        render("{{ raise_exception('roles must alternate') }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception.__globals__ }}{{ x.__init__.__globals__ }}",
        "{{ (lipsum | attr('__globals__'))['os'].popen('id').read() }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_template_does_not_get_at_python(source: str) -> None:
    with pytest.raises(InvalidRequestError):
        render(source)


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}a{% endfor %}{% endfor %}",
        "{{ 'a' * 4000000000 }}",
        "{{ [1] * 999999999 }}",
        doubling("'aaaaa'", "n.x ~ n.x"),
        doubling("'aaaaa'", "n.x + n.x"),
        doubling("'a'", "n.x.replace('a', 'aaaaaaaaaa')"),
        doubling("'a'", "n.x | replace('a', 'aaaaaaaaaa')"),
        doubling("[1]", "[n.x, n.x]"),
        "{{ '{:999999999}'.format('a') }}",
        "{{ 'a'.ljust(999999999) }}",
        "{{ '%999999999s' % 'a' }}",
        "{{ range(99999) | join('a' * 100000) }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
        "{{ ([" + BIG + "] * 99999) | map('upper') | list | length }}",
        "{{ (['a'] * 99999) | map('replace', 'a', " + BIG + ") | list | length }}",
        "{{ [" + BIG + "] * 99999 == [" + BIG + "] * 99999 }}",
        "".join(f"{{% set a{i} = {BIG} %}}" for i in range(500)),
        "{% set b = " + BIG + " %}" + "".join(f"{{% set a{i} = b[{i}:] %}}" for i in range(500)),
        "".join(f"{{% set a{i} %}}{{{{ {BIG} }}}}{{% endset %}}" for i in range(500)),
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    ],
    ids=lambda source: source[:40],
)
def test_a_template_cannot_exhaust_the_machine(source: str) -> None:
    begin = time.process_time()
    with pytest.raises(InvalidRequestError, match="chat template"):
        render(source)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ ('f' * 9999) | int(0, 16) // 7 }}", "bits"),
        ("{{ ['f' * 9999] | map('int', 0, 16) | list }}", "bits"),
        ("{{ 5 | round(-999999999) }}", "places"),
        ("{{ 5 | round(999999999, 'ceil') }}", "places"),
        ("{{ ('a' * 1000).encode() }}", "encode"),
        ("{{ (5).to_bytes(999999999, 'big') }}", "to_bytes"),
        ("{{ (5).from_bytes([255] * 999, 'big') }}", "from_bytes"),
        ("{{ ('a' * 1000001) | list | length }}", "items"),
        (r"{{ '\ud800' }}", "surrogates"),
    ],
    ids=lambda value: value[:40],
)
def test_what_would_grow_in_one_step_is_refused(source: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        render(source)


def test_many_lists_in_bounds_are_too_many_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_MADE", 1000)
    assert render("{% set a = [1] * 300 %}{{ a | list | length }}") == "300"
    with pytest.raises(InvalidRequestError, match="items on the way"):
        render("{% set a = [1] * 300 %}{{ a | list | sort | list | list | length }}")


def test_numbers_are_rounded_as_jinja_does_it() -> None:
    assert render("{{ 2.55 | round(1) }} {{ 2.1 | round(0, 'ceil') | int }}") == "2.5 3"


def test_a_conversation_of_a_thousand_turns_is_rendered() -> None:
    assert len(render(CHATML, MESSAGES * 1000)) > 30_000


@pytest.mark.parametrize("source", ["{% if %}", "{{ a.b.c }}", "{{ 'a' | nothing }}"])
def test_a_broken_template_is_a_typed_error(source: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be used"):
        render(source)
