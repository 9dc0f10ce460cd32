"""Changes to a lockfile leave the rest as it is: comments, order, unknown keys, line endings."""
# ruff: noqa: E501  -- a case and its error read best on one line

from __future__ import annotations

import threading
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llmring.exceptions import LockfileError
from llmring.lockfile import BUNDLED, AliasResolver, LockfileDocument, editing, load, locate

TEXT = """\
# Our lockfile.
version = "1.0"   # the format
updated_at = "2020-01-01T00:00:00+00:00"
unknown = { b = 1, a = 2 }

# Packages first.
[extends]
packages = ["my-lib"] # ours

[profiles.default]
name = "default"

# Quick ones.
[[profiles.default.bindings]]
alias = "fast" # the name
models = ["openai:a"] # the pool
weight = 3

# Deep ones.
[[profiles.default.bindings]]
alias = "deep"
models = [
    "openai:b", # the best
    "local:tiny",
]

# For developers.
[profiles.dev]
name = "dev"
"""
NOW = datetime(2026, 11, 21, 12, 0, 0, 5, tzinfo=UTC)


def document(text: str = TEXT, **options: Any) -> LockfileDocument:
    return LockfileDocument(text.encode(), now=lambda: NOW, **options)


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


TOUCHED = ("2020-01-01T00:00:00+00:00", "2026-11-21T12:00:00+00:00")


def text_of(changed_document: LockfileDocument) -> str:
    return changed_document.data.decode()


@pytest.mark.parametrize(
    "text",
    [TEXT, TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT, TEXT.rstrip("\n"), "", "# x\r\na = 1\n"],
    ids=["LF", "CRLF", "BOM", "no last line end", "empty", "mixed"],
)
def test_what_is_not_changed_is_written_as_it_was(text: str) -> None:
    assert document(text).data == text.encode()


def test_a_bound_alias_gets_other_models_and_keeps_its_comments() -> None:
    made = document()
    made.bind("fast", "Anthropic:x, openai:y")
    new = 'models = [\n    "anthropic:x",\n    "openai:y",\n] # the pool'
    assert text_of(made) == changed(TEXT, TOUCHED, ('models = ["openai:a"] # the pool', new))


def test_a_bound_alias_with_the_same_models_changes_nothing() -> None:
    made = document()
    made.bind("deep", ["openai:b", "local:tiny"])
    assert text_of(made) == TEXT


def test_a_new_alias_comes_after_the_others_of_its_profile() -> None:
    made = document()
    made.bind("cheap", "local:tiny")
    new = '\n[[profiles.default.bindings]]\nalias = "cheap"\nmodels = ["local:tiny"]\n'
    before = "\n# For developers."
    assert text_of(made) == changed(TEXT, TOUCHED, (before, new + before))


def test_the_first_alias_of_a_profile_comes_after_its_header() -> None:
    made = document()
    made.bind("fast", "local:tiny", profile="dev")
    new = '\n[[profiles.dev.bindings]]\nalias = "fast"\nmodels = ["local:tiny"]\n'
    assert text_of(made) == changed(TEXT, TOUCHED) + new


def test_an_alias_of_a_new_profile_brings_the_profile() -> None:
    made = document()
    made.bind("fast", "local:tiny", profile="prod")
    assert text_of(made) == changed(TEXT, TOUCHED) + (
        '\n[profiles.prod]\nname = "prod"\n'
        '\n[[profiles.prod.bindings]]\nalias = "fast"\nmodels = ["local:tiny"]\n'
    )


def test_an_alias_taken_away_takes_its_comment_and_no_other() -> None:
    made = document()
    assert made.unbind("fast") is True
    gone = TEXT[TEXT.index("# Quick ones.") : TEXT.index("# Deep ones.")]
    assert text_of(made) == changed(TEXT, TOUCHED, (gone, ""))


def test_the_last_alias_leaves_its_profile() -> None:
    made = document()
    made.unbind("deep")
    made.unbind("fast")
    assert made.lockfile.profiles["default"].bindings == ()
    assert "# For developers.\n[profiles.dev]" in text_of(made)


def test_the_last_alias_of_a_profile_without_header_leaves_one() -> None:
    made = document('# Mine.\n[[profiles.p.bindings]]\nalias = "a"\nmodels = ["x:y"]\n')
    made.unbind("a", "p")
    assert text_of(made) == '# Mine.\n[profiles.p]\nname = "p"\n'


def test_an_alias_that_is_bound_twice_is_taken_away_twice() -> None:
    head = "[[profiles.default.bindings]]\nmodels = []\n"
    made = document("".join(f'{head}alias = "{alias}"\n' for alias in "aba"))
    made.unbind("a")
    assert text_of(made) == f'{head}alias = "b"\n'


def test_an_alias_with_a_table_of_constraints_is_taken_away_whole() -> None:
    made = document(
        '[[profiles.default.bindings]]\nalias = "a"\nmodels = ["x:y"]\n'
        "[profiles.default.bindings.constraints]\nmin = 1\n\n"
        '[[profiles.default.bindings]]\nalias = "b"\nmodels = ["x:y"]\n'
    )
    made.unbind("a")
    assert text_of(made) == '[[profiles.default.bindings]]\nalias = "b"\nmodels = ["x:y"]\n'


def test_an_alias_that_is_not_bound_cannot_be_taken_away() -> None:
    made = document()
    assert (made.unbind("fast", "dev"), text_of(made)) == (False, TEXT)


def test_a_package_joins_the_others() -> None:
    made = document()
    assert made.extend("other") is True
    assert text_of(made) == changed(TEXT, TOUCHED, ('["my-lib"] #', '["my-lib", "other"] #'))
    assert made.extend("My.Lib") is False


def test_the_first_package_brings_its_table() -> None:
    made = document("# Mine.\n")
    made.extend("my-lib")
    assert text_of(made) == '# Mine.\n\n[extends]\npackages = ["my-lib"]\n'


def test_a_registry_version_is_pinned_and_pinned_anew() -> None:
    made = document()
    made.pin("OpenAI", 3)
    made.pin("openai", 4)
    made.pin("google", 1)
    assert made.lockfile.profiles["default"].registry_versions == {"openai": 4, "google": 1}
    new = "\n[profiles.default.registry_versions]\nopenai = 4\ngoogle = 1\n"
    before = "\n# For developers."
    assert text_of(made) == changed(TEXT, TOUCHED, (before, new + before))


def test_a_profile_is_added_once() -> None:
    made = document()
    assert (made.add_profile("a.b"), made.add_profile("a.b")) == (True, False)
    assert text_of(made) == changed(TEXT, TOUCHED) + '\n[profiles."a.b"]\nname = "a.b"\n'


def test_a_date_stays_a_date() -> None:
    made = document("updated_at = 2020-01-01T00:00:00Z\n")
    made.extend("a")
    assert tomllib.loads(text_of(made))["updated_at"] == NOW.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        '[profiles.default]\nbindings = [{alias = "fast", models = ["x:y"]}] # inline\n',
        '[profiles]\ndefault = {name = "default", bindings = []} # inline\n',
        'profiles.default.name = "default" # dotted\n',
        '[[profiles.default.bindings]] # no header\nalias = "fast"\nmodels = []\n',
        '[profiles."default"] # quoted\n',
        "[profiles] # empty\n",
        "# nothing\n",
    ],
    ids=["inline bindings", "inline profile", "dotted", "no header", "quoted", "empty", "nothing"],
)
def test_every_layout_can_be_changed(text: str) -> None:
    made = document(text)
    made.bind("fast", "openai:a")
    made.bind("new", ["openai:b", "local:tiny"])
    pools = {one.alias: one.models for one in made.lockfile.profiles["default"].bindings}
    assert pools == {"fast": ("openai:a",), "new": ("openai:b", "local:tiny")}
    assert text[text.index("#") :].split("\n")[0] in text_of(made)


def test_crlf_stays_crlf() -> None:
    made = document(TEXT.replace("\n", "\r\n"))
    made.bind("new", "local:tiny")
    assert made.data.count(b"\n") == made.data.count(b"\r\n")
    assert "new" in [one.alias for one in made.lockfile.profiles["default"].bindings]


REFUSED: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "empty alias": ("bind", ("", "x:y"), "'' cannot be an alias"),
    "alias with a space": ("bind", ("a b", "x:y"), "'a b' cannot be an alias"),
    "alias that is a model": ("bind", ("openai:x", "x:y"), "starts with the name of a provider"),
    "alias of no package": ("bind", (":x", "x:y"), "':x' cannot be an alias; write it package:name"),
    "alias without name": ("bind", ("lib:", "x:y"), "'lib:' cannot be an alias"),
    "no models": ("bind", ("a", []), "alias 'a' needs a model, such as 'openai:gpt-5.5'"),
    "models that are a number": ("bind", ("a", 5), "models must be names, not 5"),
    "empty models": ("bind", ("a", ""), "'' is not provider:model"),
    "bare model": ("bind", ("a", "gpt-4o"), "'gpt-4o' is not provider:model"),
    "one bare model": ("bind", ("a", "x:y,gpt-4o"), "'gpt-4o' is not provider:model"),
    "model of another kind": ("bind", ("a", [3]), "3 is not provider:model"),
    "profile with a space": ("bind", ("a", "x:y", "a b"), "'a b' cannot name a profile"),
    "unknown profile": ("unbind", ("a", "dve"), "unknown profile 'dve' (lockfile); did you mean 'dev'?"),
    "empty profile": ("add_profile", ("",), "'' cannot name a profile"),
    "package with a path": ("extend", ("../x",), "'../x' cannot name a package"),
    "package as a provider": ("extend", ("OpenAI",), "has the name of a provider"),
    "version 0": ("pin", ("openai", 0), "a registry's version is a whole number from 1"),
    "version of another kind": ("pin", ("openai", True), "not True"),
    "no provider": ("pin", ("a:b", 1), "'a:b' cannot name a provider"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_and_changes_nothing(
    method: str, arguments: tuple[Any, ...], message: str
) -> None:
    made = document()
    with pytest.raises(LockfileError) as caught:
        getattr(made, method)(*arguments)
    assert message in caught.value.message
    assert text_of(made) == TEXT


def test_what_cannot_be_changed_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import tomlkit

    made = document()
    # A slip of tomlkit's: the change is made, and something else is lost.
    monkeypatch.setattr(tomlkit, "dumps", lambda _: TEXT.replace("weight = 3\n", ""))
    with pytest.raises(LockfileError, match="cannot be changed without changing what else it says"):
        made.bind("fast", "openai:z")
    assert text_of(made) == TEXT


def test_a_starter_has_the_models_of_those_who_are_set_up() -> None:
    made = LockfileDocument.starter(["OpenAI"], now=lambda: NOW)
    default = made.lockfile.profiles["default"]
    assert {model.partition(":")[0] for one in default.bindings for model in one.models} == {
        "openai", "local",
    }  # fmt: skip
    assert 'created_at = "2026-11-21T12:00:00+00:00"' in text_of(made)
    assert "where there is no other" not in text_of(made)


def test_a_starter_without_keys_is_local() -> None:
    bindings = LockfileDocument.starter([]).lockfile.profiles["default"].bindings
    assert {one.models for one in bindings} == {("local:tiny",)}


def test_editing_writes_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "llmring.lock"
    path.write_text(TEXT, "utf-8")
    resolver = AliasResolver(path, environ={})
    assert not resolver.has_alias("new")
    with editing(resolver.location) as made:
        made.bind("new", "local:tiny")
    assert resolver.pool("new").models == ("local:tiny",)


def test_editing_without_a_lockfile_starts_from_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundled = BUNDLED.read_bytes()
    resolver = AliasResolver(environ={})
    with editing(resolver.location) as made:
        made.bind("mine", "local:tiny")
    assert resolver.has_alias("mine")
    assert resolver.has_alias("balanced")
    assert (tmp_path / "llmring.lock").exists()
    assert BUNDLED.read_bytes() == bundled


def test_the_bundled_lockfile_is_not_changed() -> None:
    with pytest.raises(LockfileError, match="comes with llmring and is not changed; copy it"):
        LockfileDocument.at(locate(BUNDLED, {}))


def test_an_error_while_editing_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "llmring.lock"
    path.write_text(TEXT, "utf-8")

    def fail() -> None:
        with editing(locate(path, {})) as made:
            made.bind("new", "local:tiny")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text("utf-8") == TEXT


def test_a_change_that_another_overtook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "llmring.lock"
    path.write_text(TEXT, "utf-8")
    first, second = LockfileDocument.read(path), LockfileDocument.read(path)
    first.bind("first", "local:tiny")
    first.save()
    second.bind("second", "local:tiny")
    with pytest.raises(LockfileError, match="has changed since it was read; read it again"):
        second.save()
    assert "first" in path.read_text("utf-8")


def test_a_document_can_be_saved_again(tmp_path: Path) -> None:
    path = tmp_path / "llmring.lock"
    path.write_text(TEXT, "utf-8")
    made = LockfileDocument.read(path)
    for alias in ("one", "two"):
        made.bind(alias, "local:tiny")
        made.save()
    assert [one.alias for one in load(path).profiles["default"].bindings][-2:] == ["one", "two"]


def test_a_new_lockfile_overwrites_none(tmp_path: Path) -> None:
    path = tmp_path / "llmring.lock"
    LockfileDocument.starter([], path).save()
    with pytest.raises(
        LockfileError, match="already exists; change it as it is, or give force=True"
    ):
        LockfileDocument.starter([], path).save()


def test_a_lockfile_without_path_cannot_be_saved() -> None:
    with pytest.raises(LockfileError, match="this lockfile has no path"):
        document().save()


def test_a_lockfile_too_large_to_be_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "llmring.lock"
    path.write_text(f"#{'x' * 262_100}\n", "utf-8")
    made = LockfileDocument.read(path)
    made.bind("a", [f"x:{'y' * 150}"])
    with pytest.raises(LockfileError, match="would be larger than 262,144 bytes"):
        made.save()


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "llmring.lock"
    path.write_text(TEXT, "utf-8")

    def work(name: str) -> None:
        for number in range(5):
            with editing(locate(path, {})) as made:
                made.bind(f"{name}{number}", "local:tiny")

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bound = {one.alias for one in load(path).profiles["default"].bindings}
    assert {f"{name}{number}" for name in "ab" for number in range(5)} <= bound
