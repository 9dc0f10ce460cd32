"""Whatever a lockfile looks like, a change keeps every comment and all else that it says."""
# ruff: noqa: E501  -- the generator reads best on wide lines

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmring.exceptions import LockfileError
from llmring.lockfile import LockfileDocument, parse, validate_text

pytestmark = pytest.mark.slow

NAMES = st.sampled_from(["a", "b", "fast", "deep", "lib:x", "a.b", "été", 'q"q', "é[[x]]", "#x"])
PROFILES = st.sampled_from(["default", "dev", "a.b", "ü"])
MODELS = st.lists(st.sampled_from(["openai:a", "x:y", "local:tiny", "google:#1"]), max_size=3)
COMMENT_TEXT = st.text("abc []{}=\"'#\\é", max_size=8)
VALUES = st.sampled_from(
    ["1", "0.5", "nan", "true", '"x # y"', "'''a\n[[b]]\n'''", "[1, 2]", "{ a = 1 }"]
)


class Writer:
    """Writes a lockfile as people do, each comment with a number so that it can be found again."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.comments = 0

    def comment(self) -> str:
        self.comments += 1
        return f"#{self.comments}# {self.draw(COMMENT_TEXT)}"

    def line(self, text: str) -> None:
        choice = self.draw(st.integers(0, 5))
        if choice == 0:
            self.lines.append(self.comment())
        if choice == 1:
            self.lines.append("")
        self.lines.append(f"{text} {self.comment()}" if choice == 2 else text)

    def models(self, models: list[str]) -> str:
        if self.draw(st.booleans()):
            return json.dumps(models, ensure_ascii=False)
        rows = "".join(
            f"  {json.dumps(one, ensure_ascii=False)},{' ' + self.comment() if self.draw(st.booleans()) else ''}\n"
            for one in models
        )
        return f"[\n{rows}]"

    def binding(self, profile: str, alias: str) -> None:
        self.line(f"[[profiles.{profile}.bindings]]")
        pairs = [
            f"alias = {json.dumps(alias, ensure_ascii=False)}",
            f"models = {self.models(self.draw(MODELS))}",
        ]
        if self.draw(st.booleans()):
            pairs.append(f"extra = {self.draw(VALUES)}")
        for text in self.draw(st.permutations(pairs)):
            self.line(text)
        if self.draw(st.integers(0, 4)) == 0:
            self.line(f"[profiles.{profile}.bindings.constraints]")
            self.line("min = 1")

    def profile(self, name: str) -> None:
        quoted = json.dumps(name, ensure_ascii=False)
        if self.draw(st.booleans()):
            self.line(f"[profiles.{quoted}]")
            self.line(f"name = {quoted}")
        for alias in self.draw(st.lists(NAMES, max_size=4)):
            self.binding(quoted, alias)
        if self.draw(st.booleans()):
            self.line(f"[profiles.{quoted}.registry_versions]")
            self.line("openai = 3")

    def file(self) -> str:
        self.line('version = "1.0"')
        if self.draw(st.booleans()):
            self.line('updated_at = "2020-01-01T00:00:00Z"')
        if self.draw(st.booleans()):
            self.line(f"unknown = {self.draw(VALUES)}")
        parts = self.draw(st.permutations(["extends", "metadata", "default", "dev"]))
        for part in parts[: self.draw(st.integers(0, 4))]:
            if part == "extends":
                self.line("[extends]")
                self.line(f"packages = {self.models(['lib'])}")
            elif part == "metadata":
                self.line("[metadata]")
                self.line(f"note = {self.draw(VALUES)}")
            else:
                self.profile(part)
        if self.draw(st.booleans()):
            self.lines.append(self.comment())
        return "\n".join(self.lines) + ("\n" if self.draw(st.booleans()) else "")


@st.composite
def lockfiles(draw: Any) -> str:
    text = Writer(draw).file()
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


CHANGES = st.one_of(
    st.tuples(st.just("bind"), NAMES, MODELS, PROFILES),
    st.tuples(st.just("add_profile"), PROFILES),
    st.tuples(st.just("extend"), st.sampled_from(["lib", "other", "Third.One"])),
    st.tuples(st.just("pin"), st.sampled_from(["openai", "google"]), st.integers(1, 9), PROFILES),
)

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"#\d+# ", text), key=lambda found: int(found.strip("# ")))


def rest(text: str) -> dict[str, Any]:
    """What a lockfile says besides what a change is about."""
    values = tomllib.loads(text)
    values.pop("updated_at", None)
    values.pop("extends", None)
    profiles = values.pop("profiles", {})
    values["extra"] = sorted(
        repr((name, one["alias"], one.get("extra"), one.get("constraints")))
        for name, profile in profiles.items()
        for one in profile.get("bindings", [])
        if "extra" in one or "constraints" in one
    )
    return values


@FEW
@given(lockfiles())
def test_reading_and_writing_change_no_byte(text: str) -> None:
    assert LockfileDocument(text.encode()).data == text.encode()


@FEW
@given(lockfiles(), CHANGES)
def test_a_change_keeps_comments_and_meaning(text: str, change: tuple[Any, ...]) -> None:
    method, *arguments = change
    document = LockfileDocument(text.encode())
    try:
        getattr(document, method)(*arguments)
    except LockfileError as err:
        # A pool needs a model; no layout of these is beyond us.
        assert "needs a model" in err.message  # noqa: PT017 - which error it is, is the point
        return
    made = document.data.decode()
    lost = set(comments(text)) - set(comments(made))
    # Only those inside an array of models that was replaced may go.
    assert not lost or method == "bind"
    assert all(f'",{" " + one}' in text.replace("\r", "") for one in lost)
    assert repr(rest(made)) == repr(rest(text))
    assert repr(document.lockfile) == repr(parse(made))


@FEW
@given(lockfiles(), NAMES, st.sampled_from(["default", "dev"]))
def test_an_alias_taken_away_leaves_the_others(text: str, alias: str, profile: str) -> None:
    document = LockfileDocument(text.encode())
    if profile not in document.lockfile.profiles:
        return
    before = {name: one.bindings for name, one in document.lockfile.profiles.items()}
    document.unbind(alias, profile)
    after = {name: one.bindings for name, one in document.lockfile.profiles.items()}
    assert repr(
        {**before, profile: tuple(one for one in before[profile] if one.alias != alias)}
    ) == repr(after)


@FEW
@given(st.text(max_size=60) | lockfiles().map(lambda text: text[: len(text) // 2]))
def test_no_text_ends_otherwise_than_in_a_lockfile_or_its_error(text: str) -> None:
    validate_text(text)
    try:
        parse(text)
    except LockfileError:
        return
    assert all(finding.severity in ("error", "warning") for finding in validate_text(text))


@pytest.mark.parametrize("line", [1, 5, 9])
def test_the_place_of_an_error_is_that_of_its_key(line: int) -> None:
    text = "# x\n" * (line - 1) + "version = 1"
    assert validate_text(text)[0].line == line
