"""Lockfiles: hostile TOML is read or refused, and a change leaves all else as it was."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

from fuzzing.target import Target
from llmring.exceptions import LLMRingError, LockfileError
from llmring.lockfile import LockfileDocument, validate_text


def _unbind(document: LockfileDocument) -> None:
    document.unbind("fast")


_CHANGES: tuple[Callable[[LockfileDocument], Any], ...] = (
    lambda document: document.bind("fast", ["openai:gpt-5"]),
    lambda document: document.bind("new", ["openai:gpt-5", "local:tiny"], "dev"),
    _unbind,
    lambda document: document.add_profile("dev"),
    lambda document: document.extend("lib"),
    lambda document: document.pin("openai", 7),
)


def check(data: bytes) -> None:
    """The first byte chooses a change, the others are the lockfile."""
    change, text = _CHANGES[data[0] % len(_CHANGES) if data else 0], data[1:]
    try:
        document = LockfileDocument(text)
    except LockfileError as err:
        assert len(str(err)) < 2000
        return
    assert document.data == text
    n_lines = text.count(b"\n") + 1
    for finding in validate_text(text.decode("utf-8-sig")):
        assert finding.line is None or 1 <= finding.line <= n_lines
    try:
        change(document)
    except LLMRingError as err:
        assert isinstance(err, LockfileError)
        assert document.data == text
        return
    before, after = _meaning(text), _meaning(document.data)
    assert repr(_without_changed(before)) == repr(_without_changed(after))
    # The comment above a binding goes with it.
    assert change is _unbind or set(_comments(text)) <= set(_comments(document.data))
    again = LockfileDocument(document.data)
    assert repr(again.lockfile) == repr(document.lockfile)


def _meaning(data: bytes) -> dict[str, Any]:
    return tomllib.loads(data.decode("utf-8-sig"))


def _without_changed(values: dict[str, Any]) -> dict[str, Any]:
    """What no change is about: all but bindings, pins, packages, the time, and empty profiles."""
    kept = {key: one for key, one in values.items() if key not in ("updated_at", "extends")}
    profiles = kept.pop("profiles", {})
    changed = ("bindings", "registry_versions", "name")
    rest = {
        name: {key: one for key, one in profile.items() if key not in changed}
        for name, profile in profiles.items()
    }
    return {**kept, "profiles": {name: one for name, one in rest.items() if one}}


def _comments(data: bytes) -> list[bytes]:
    """Lines that are comments, where nothing but a comment can begin with a hash."""
    if b'"""' in data or b"'''" in data:
        return []
    lines = [line.strip() for line in data.split(b"\n")]
    return [line for line in lines if line.startswith(b"#")]


_PLAIN = b"""# Mine.
version = "1.0"
default_profile = "default"

# The quick one.
[[profiles.default.bindings]]
alias = "fast"
models = ["openai:gpt-5"]  # or another
"""
_DOTTED = b"""profiles.default.bindings = [{alias = "fast", models = ["x:y"]}]
profiles.dev.name = "dev"
extends = {packages = []}
"""
_CRLF = _PLAIN.replace(b"\n", b"\r\n")
TARGETS = {
    "lockfile": Target(
        check,
        (*(bytes([number]) + _PLAIN for number in range(len(_CHANGES))),
         *(bytes([number]) + _DOTTED for number in range(len(_CHANGES))),
         b"\0\xef\xbb\xbf" + _CRLF, b"\2[profiles]\n[profiles.default]\nname = 'default'", b"\0"),
        (b"[profiles.default]\n", b"[[profiles.default.bindings]]\n", b'alias = "fast"\n', b"# c\n",
         b"models = []\n", b'models = "openai:a,x:y"\n', b"[extends]\n", b"packages = ['lib']\n",
         b"[profiles.default.registry_versions]\n", b"openai = 3\n", b"bindings = []\n", b"\r\n",
         b"profiles = {}\n", b'"""', b"'''", b"{", b"}", b"[", b"]", b" = ", b".", b"nan",
         b"\\u0041", b"[providers.mine]\n", b'base_url = "http://127.0.0.1"\n', b"[metadata]\n",
         b"inf"),
    ),
}  # fmt: skip
