"""What a lockfile may say, and the exact error, with line and place, where it says something else."""
# ruff: noqa: E501  -- a case and its error read best on one line

from __future__ import annotations

from typing import Any

import pytest

from llmring.exceptions import LockfileError
from llmring.lockfile import Binding, Lockfile, Profile, ProviderEntry, parse

BINDING = "[[profiles.default.bindings]]\n"
FAST = f'{BINDING}alias = "fast"\nmodels = ["openai:a"]\n'
NAME_RULE = "it needs 1 to 200 printable characters without spaces"
VERSION_RULE = "must be a whole number from 1 to 1,000,000,000"
NOT_TABLE = "must be a table, not"
URL_FORM = "must look like 'https://api.example.com/v1'"
GROQ = '[providers.groq]\nbase_url = "https://api.groq.com/openai/v1"\n'
LISTED = (Binding("fast", ("openai:a",)),)


def profiles(*bindings: Binding, name: str = "default", **options: Any) -> dict[str, Any]:
    return {"profiles": {name: Profile(name, bindings, **options)}}


GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("", {}),
    "only a comment": ("# none\n", {}),
    "version": ('version = "1.0"', {}),
    "later minor version": ('version = "1.7"', {"version": "1.7"}),
    "default profile": ('default_profile = "dev"', {"default_profile": "dev"}),
    "dates as text": ('created_at = "2026-01-01"\nupdated_at = "2026-01-02T00:00:00Z"', {}),
    "dates": ("created_at = 2026-01-01\nupdated_at = 2026-01-02T00:00:00Z", {}),
    "metadata": ("[metadata]\na = 1", {"metadata": {"a": 1}}),
    "unknown keys": ("[tool.x]\ny = 1", {}),
    "extends": ('[extends]\npackages = ["a", "B.c_d-e"]', {"extends": ("a", "B.c_d-e")}),
    "extends nothing": ("[extends]\npackages = []", {}),
    "extends without packages": ("[extends]", {}),
    "empty profile": ("[profiles.default]", profiles()),
    "named profile": ('[profiles.default]\nname = "default"', profiles()),
    "profile named otherwise": ('[profiles.default]\nname = "x"', profiles()),
    "binding": (FAST, profiles(*LISTED)),
    "binding in CRLF": (FAST.replace("\n", "\r\n"), profiles(*LISTED)),
    "inline bindings": (
        '[profiles.default]\nbindings = [{alias = "fast", models = ["openai:a"]}]',
        profiles(*LISTED),
    ),
    "dotted keys": ('profiles.default.name = "default"', profiles()),
    "quoted profile": ('[profiles."a.b"]', profiles(name="a.b")),
    "profile of letters of all kinds": ('[profiles."été"]', profiles(name="été")),
    "two bindings": (
        f'{FAST}{BINDING}alias = "deep"\nmodels = ["local:tiny", "x:y"]',
        profiles(*LISTED, Binding("deep", ("local:tiny", "x:y"))),
    ),
    "empty pool": (f'{BINDING}alias = "a"\nmodels = []', profiles(Binding("a", ()))),
    "model without provider": (f'{BINDING}alias = "a"\nmodels = ["x"]', profiles(Binding("a", ("x",)))),
    "constraints": (
        f'{FAST}constraints = {{ min_context = 8 }}',
        profiles(Binding("fast", ("openai:a",), {"min_context": 8})),
    ),
    "unknown key of a binding": (f"{FAST}weight = 3", profiles(*LISTED)),
    "registry versions": (
        "[profiles.default.registry_versions]\nopenai = 3\nx = 1",
        profiles(registry_versions={"openai": 3, "x": 1}),
    ),
    "namespaced alias": (
        f'{BINDING}alias = "my-lib:x"\nmodels = ["openai:a"]',
        profiles(Binding("my-lib:x", ("openai:a",))),
    ),
    "multi-line strings": (
        f'[metadata]\nnote = """\n[[profiles.x.bindings]]\n"""\n{FAST}',
        {"metadata": {"note": "[[profiles.x.bindings]]\n"}, **profiles(*LISTED)},
    ),
    "provider": (
        GROQ,
        {"providers": {"groq": ProviderEntry("groq", "https://api.groq.com/openai/v1")}},
    ),
    "provider with a key and a slash": (
        '[providers.Mine]\nbase_url = "http://127.0.0.1:8000/"\napi_key_env = "MY_KEY"',
        {"providers": {"mine": ProviderEntry("mine", "http://127.0.0.1:8000", "MY_KEY")}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), GOOD.values(), ids=GOOD)
def test_what_fits_is_read(text: str, expected: dict[str, Any]) -> None:
    assert parse(text) == Lockfile(**expected)


@pytest.mark.parametrize("text", [one[0] for one in GOOD.values()], ids=GOOD)
def test_a_byte_order_mark_changes_nothing(text: str, tmp_path: Any) -> None:
    from llmring.lockfile import load

    path = tmp_path / "llmring.lock"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load(path).profiles == parse(text).profiles


#: What is no string, in TOML's words and in those of the error.
NO_STRINGS = {
    "number": ("1", "the number 1"),
    "fraction": ("1.5", "the number 1.5"),
    "flag": ("true", "true"),
    "array": ("[]", "an array"),
    "table": ("{}", "a table"),
    "date": ("2026-01-01", "a date or time"),
}
NO_TABLES = {**NO_STRINGS, "text": ('"x"', "the string 'x'")}
del NO_TABLES["table"]
NO_ARRAYS = {**NO_STRINGS, "text": ('"x"', "the string 'x'")}
del NO_ARRAYS["array"]


def wrong_kinds() -> dict[str, tuple[str, str]]:
    """Every known key with a value of every wrong kind."""
    cases = {}
    for kind, (value, said) in NO_STRINGS.items():
        for key, wanted in [("version", 'a string such as "1.0"'), ("default_profile", "a string")]:
            cases[f"{key} is {kind}"] = (
                f"{key} = {value}",
                f"line 1, {key}: must be {wanted}, not {said}",
            )
        cases[f"profile's name is {kind}"] = (
            f"[profiles.p]\n\nname = {value}",
            f"line 3, profiles.p.name: must be a string, not {said}",
        )
        cases[f"alias is {kind}"] = (
            f"{FAST}{BINDING}models = []\nalias = {value}",
            f"line 6, profiles.default.bindings[1].alias: must be a string, not {said}",
        )
        cases[f"model is {kind}"] = (
            f'{BINDING}alias = "a"\nmodels = ["x:y",\n{value}]',
            f"line 3, profiles.default.bindings[0].models[1]: must be a string, not {said}",
        )
        cases[f"package is {kind}"] = (
            f"[extends]\npackages = [{value}]",
            f"line 2, extends.packages[0]: must be a string, not {said}",
        )
        cases[f"base_url is {kind}"] = (
            f"[providers.x]\nbase_url = {value}",
            f"line 2, providers.x.base_url: must be a string, not {said}",
        )
        cases[f"api_key_env is {kind}"] = (
            f"{GROQ}api_key_env = {value}",
            f"line 3, providers.groq.api_key_env: must be a string, not {said}",
        )
        if kind != "date":
            cases[f"created_at is {kind}"] = (
                f"created_at = {value}",
                f"line 1, created_at: must be a date, not {said}",
            )
    for kind, (value, said) in NO_TABLES.items():
        for key in ("metadata", "extends", "profiles", "providers"):
            cases[f"{key} is {kind}"] = (f"\n{key} = {value}", f"line 2, {key}: {NOT_TABLE} {said}")
        for key in ("profiles", "providers"):
            cases[f"one of {key} is {kind}"] = (
                f"[{key}]\nx = {value}",
                f"line 2, {key}.x: {NOT_TABLE} {said}",
            )
        cases[f"registry_versions is {kind}"] = (
            f"[profiles.p]\nregistry_versions = {value}",
            f"line 2, profiles.p.registry_versions: {NOT_TABLE} {said}",
        )
        cases[f"constraints are {kind}"] = (
            f"{FAST}constraints = {value}",
            f"line 4, profiles.default.bindings[0].constraints: {NOT_TABLE} {said}",
        )
    for kind, (value, said) in NO_ARRAYS.items():
        cases[f"models are {kind}"] = (
            f'{BINDING}alias = "a"\nmodels = {value}',
            f"line 3, profiles.default.bindings[0].models: must be an array of strings, not {said}",
        )
        cases[f"packages are {kind}"] = (
            f"[extends]\npackages = {value}",
            f"line 2, extends.packages: must be an array of strings, not {said}",
        )
        cases[f"bindings are {kind}"] = (
            f"[profiles.p]\nbindings = {value}",
            f"line 2, profiles.p.bindings: must be an array of tables, not {said}",
        )
    return cases


def numbers() -> dict[str, tuple[str, str]]:
    """Registry versions that are none."""
    values = {
        "0": "0",
        "-1": "-1",
        "1.0": "1.0",
        "true": "True",
        '"3"': "'3'",
        "10000000000": "10000000000",
    }
    return {
        f"registry version {value}": (
            f"[profiles.p.registry_versions]\nopenai = {value}",
            f"line 2, profiles.p.registry_versions.openai: {VERSION_RULE}, not {said}",
        )
        for value, said in values.items()
    }


def urls() -> dict[str, tuple[str, str]]:
    """Addresses that are none; the message does not have them, for they may hold a key."""
    reasons = {
        "": URL_FORM,
        "groq": URL_FORM,
        "ftp://x": URL_FORM,
        "file:///etc/passwd": URL_FORM,
        "https://": URL_FORM,
        "https://x:0": URL_FORM,
        "https://x:y": "has an invalid port or host",
        "https://x:99999": "has an invalid port or host",
        "https://[::1": "has an invalid port or host",
        "https://x y": "holds white space, control or non-ASCII characters",
        "https://é": "holds white space, control or non-ASCII characters",
        "https://u:secret@x": "holds a user or password; name the variable of the key in api_key_env",
        "https://x?key=secret": "may not have a query or a fragment",
        "https://x#a": "may not have a query or a fragment",
    }
    return {
        f"base_url {url}": (
            f'[providers.x]\nbase_url = "{url}"',
            f"line 2, providers.x.base_url: {reason}",
        )
        for url, reason in reasons.items()
    }


TOML = {
    "no value": ("a =", "line 1: not TOML: Invalid value"),
    "no equals sign": ("a", "line 1: not TOML: Expected '=' after a key in a key/value pair"),
    "open string": ('a = "x\n', "line 1, column 7: not TOML: Illegal character '\\n'"),
    "open array": ("a = [1,\n2", "line 2: not TOML: Unclosed array"),
    "open header": ("[a", "line 1: not TOML: Expected ']' at the end of a table declaration"),
    "same key twice": ("a = 1\na = 2\n", "line 2, column 6: not TOML: Cannot overwrite a value"),
    "same table twice": ("[a]\n[a]\n", "line 2, column 3: not TOML: Cannot declare ('a',) twice"),
    "same alias key twice": (
        f'{BINDING}alias = "a"\nalias = "b"\n',
        "line 3, column 12: not TOML: Cannot overwrite a value",
    ),
    "table and array": (
        "[[profiles.p.bindings]]\n[profiles.p.bindings]\n",
        "line 2, column 21: not TOML: Cannot declare ('profiles', 'p', 'bindings') twice",
    ),
    "NUL": ('a = "\0"', "line 1, column 6: not TOML: Illegal character '\\x00'"),
    "NUL as a key": ("\0", "line 1, column 1: not TOML: Invalid statement"),
    "lone CR": ("a = 1\rb = 2", "line 1, column 6: not TOML: Expected newline or end of document after a statement"),
    "escaped surrogate": ('a = "\\ud800"', "line 1, column 12: not TOML: Escaped character is not a Unicode scalar value"),
    "unknown escape": ('a = "\\q"', "line 1, column 8: not TOML: Unescaped '\\' in a string"),
    "merge conflict": ("<<<<<<< HEAD\n", "line 1, column 1: not TOML: Invalid statement"),
    "JSON": ('{"version": "1.0"}', "line 1, column 1: not TOML: Invalid statement"),
    "YAML": ("version: 1.0", "line 1, column 8: not TOML: Expected '=' after a key in a key/value pair"),
    "deep array": ("a = " + "[" * 100_000, "not a lockfile: its values nest too deep"),
    "deep table": ("a = " + "{a=" * 30_000, "not a lockfile: its values nest too deep"),
    "long key": ("\na" + ".a" * 64 + " = 1", "line 2: a key has more than 64 parts; no lockfile nests so deep"),
    "long header": ("[a" + ".'b'" * 64 + "]", "line 1: a key has more than 64 parts; no lockfile nests so deep"),
    "huge number": ("a = " + "1" * 5000, "not a lockfile: it holds a number of thousands of digits"),
}  # fmt: skip

OTHERS = {
    "newer format": (
        'version = "2.0"',
        "line 1, version: format '2.0' is not known, only '1.0' is; update llmring",
    ),
    "no format": ('version = ""', "line 1, version: format '' is not known, only '1.0' is; update llmring"),
    "empty default profile": ('default_profile = ""', f"line 1, default_profile: '' cannot be a name; {NAME_RULE}"),
    "default profile with a space": ('default_profile = "a b"', f"line 1, default_profile: 'a b' cannot be a name; {NAME_RULE}"),
    "empty profile name": ('[profiles.""]', f"line 1, profiles.'': '' cannot name a profile; {NAME_RULE}"),
    "profile with a space": ('[profiles."a b"]', f"line 1, profiles.'a b': 'a b' cannot name a profile; {NAME_RULE}"),
    "no alias": (f"{BINDING}models = []", "line 1, profiles.default.bindings[0]: has no alias; every binding needs alias and models"),
    "no models": (f'{FAST}{BINDING}alias = "b"', "line 4, profiles.default.bindings[1]: has no models; every binding needs alias and models"),
    "empty binding": (BINDING, "line 1, profiles.default.bindings[0]: has no models; every binding needs alias and models"),
    "empty alias": (f'{BINDING}alias = ""\nmodels = []', f"line 2, profiles.default.bindings[0].alias: '' cannot be a name; {NAME_RULE}"),
    "alias with a line break": (f'{BINDING}alias = "a\\nb"\nmodels = []', f"line 2, profiles.default.bindings[0].alias: 'a\\nb' cannot be a name; {NAME_RULE}"),
    "alias with a NUL": (f'{BINDING}alias = "\\u0000"\nmodels = []', f"line 2, profiles.default.bindings[0].alias: '\\x00' cannot be a name; {NAME_RULE}"),
    "alias that turns the line": (f'{BINDING}alias = "a\\u202Eb"\nmodels = []', f"line 2, profiles.default.bindings[0].alias: 'a\\u202eb' cannot be a name; {NAME_RULE}"),
    "long alias": (f'{BINDING}alias = "{"a" * 201}"\nmodels = []', f"line 2, profiles.default.bindings[0].alias: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… cannot be a name; {NAME_RULE}"),
    "binding is a string": ('[profiles.p]\nbindings = ["x"]', "line 2, profiles.p.bindings[0]: must be a table with alias and models, not the string 'x'"),
    "binding is an array": ("[profiles.p]\nbindings = [[]]", "line 2, profiles.p.bindings[0]: must be a table with alias and models, not an array"),
    "after a comment": (f"# [[x]]\n# models = 3\n{BINDING}alias = 'a' # [\nmodels = 3", "line 5, profiles.default.bindings[0].models: must be an array of strings, not the number 3"),
    "after brackets in strings": (f"[metadata]\na = '[['\nb = '''\n[profiles.default]\n'''\n{BINDING}alias = 'a'\nmodels = 3", "line 8, profiles.default.bindings[0].models: must be an array of strings, not the number 3"),
    "of a later array": (f"{FAST}[profiles.p]\n{BINDING}alias = 'a'\nmodels = 3", "line 7, profiles.default.bindings[1].models: must be an array of strings, not the number 3"),
    "in a table of a binding": (f"{FAST}[profiles.default.bindings.constraints]\n[[profiles.p.bindings]]\nmodels = []\nalias = 3", "line 7, profiles.p.bindings[0].alias: must be a string, not the number 3"),
    "dotted": ("profiles.p.bindings = 3", "line 1, profiles.p.bindings: must be an array of tables, not the number 3"),
    "quoted key": ('"profiles" . "p" . bindings = 3', "line 1, profiles.p.bindings: must be an array of tables, not the number 3"),
    "quoted equals": ('[profiles]\n"a=b" = 3', "line 2, profiles.'a=b': must be a table, not the number 3"),
    "quoted brackets": ('[profiles."a]]b"]\nname = 3', "line 2, profiles.'a]]b'.name: must be a string, not the number 3"),
    "built-in provider": ('[providers.openai]\nbase_url = "https://x"', "line 1, providers.openai: openai is built in and cannot be redirected; choose another name"),
    "built-in provider in capitals": ('[providers.LOCAL]\nbase_url = "https://x"', "line 1, providers.LOCAL: LOCAL is built in and cannot be redirected; choose another name"),
    "provider without address": ("[providers.x]", "line 1, providers.x: has no base_url; give the address of its OpenAI-compatible API"),
    "provider's name": ('[providers."a:b"]\nbase_url = "https://x"', "line 1, providers.'a:b': 'a:b' cannot name a provider; use letters, digits, - and _"),
    "provider twice": (f'{GROQ}[providers.Groq]\nbase_url = "https://x"', "line 3, providers.Groq: 'Groq' and another differ in case alone"),
    "key in the file": (f'{GROQ}api_key = "sk-secret"', "line 3, providers.groq.api_key: keys do not belong in a lockfile; name the variable that holds it: api_key_env"),
    "token in the file": (f'{GROQ}Token = "secret"', "line 3, providers.groq.Token: keys do not belong in a lockfile; name the variable that holds it: api_key_env"),
    "key in place of its variable": (f'{GROQ}api_key_env = "sk-secret"', "line 3, providers.groq.api_key_env: must be the name of an environment variable, not a key"),
    "no variable": (f'{GROQ}api_key_env = ""', "line 3, providers.groq.api_key_env: must be the name of an environment variable, not a key"),
    "OpenAI's key sent elsewhere": (f'{GROQ}api_key_env = "OPENAI_API_KEY"', "line 3, providers.groq.api_key_env: OPENAI_API_KEY is the key for openai and goes nowhere else; give this address a variable of its own"),
    "Google's key sent elsewhere": (f'{GROQ}api_key_env = "GOOGLE_API_KEY"', "line 3, providers.groq.api_key_env: GOOGLE_API_KEY is the key for google and goes nowhere else; give this address a variable of its own"),
    "Ollama's key sent elsewhere": (f'{GROQ}api_key_env = "OLLAMA_API_KEY"', "line 3, providers.groq.api_key_env: OLLAMA_API_KEY is the key for ollama and goes nowhere else; give this address a variable of its own"),
    "llmring's own key sent elsewhere": (f'{GROQ}api_key_env = "LLMRING_API_KEY"', "line 3, providers.groq.api_key_env: LLMRING_API_KEY is the key for the llmring server and goes nowhere else; give this address a variable of its own"),
    "package with a path": ('[extends]\npackages = ["../x"]', "line 2, extends.packages[0]: '../x' cannot name a package; give the name that pip installs"),
    "package with a version": ('[extends]\npackages = ["a",\n"x==1"]', "line 2, extends.packages[1]: 'x==1' cannot name a package; give the name that pip installs"),
    "empty package": ('[extends]\npackages = [""]', "line 2, extends.packages[0]: '' cannot name a package; give the name that pip installs"),
    "package with an alias": ('[extends]\npackages = ["a:b"]', "line 2, extends.packages[0]: 'a:b' cannot name a package; give the name that pip installs"),
}  # fmt: skip

BAD = {**TOML, **wrong_kinds(), **numbers(), **urls(), **OTHERS}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_an_error_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(LockfileError) as caught:
        parse(text)
    comma = "," if expected.startswith("line") else ""
    assert caught.value.message == f"lockfile{comma} {expected}"


def test_an_error_has_its_place_for_programs_too() -> None:
    with pytest.raises(LockfileError) as caught:
        parse("\nversion = 1\n")
    assert caught.value.details == {
        "path": None,
        "line": 2,
        "column": None,
        "key": "version",
        "reason": 'must be a string such as "1.0", not the number 1',
    }


@pytest.mark.parametrize("text", [case[0] for name, case in BAD.items() if "secret" in case[0]])
def test_no_error_prints_a_key(text: str) -> None:
    with pytest.raises(LockfileError) as caught:
        parse(text)
    assert "secret" not in repr(caught.value) + str(caught.value.details)
