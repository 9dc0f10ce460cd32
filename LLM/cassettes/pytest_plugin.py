"""The pytest plugin: tests that replay their calls.

::

    @pytest.mark.cassette                       # cassettes/<module>/<test>.jsonl beside the module
    def test_greets(): ...

    @pytest.mark.cassette("hello.jsonl")        # cassettes/hello.jsonl
    def test_greets_again(): ...

Loaded in every run of pytest where llm-kit is installed, so nothing is imported before it is used.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from LLM.cassettes.recorder import Cassette

_FIXTURE = "llm_cassette"
_UNFIT = re.compile(r"[^\w.\-\[\]]+")
# File systems take names of 255 bytes.
_MAX_NAME_CHARS = 150


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--cassette``."""
    parser.getgroup("llm-kit").addoption(
        "--cassette",
        metavar="MODE",
        help="mode of all cassettes of LLM: strict (none), once, new_episodes, record (all), off; "
        "goes before LLM_CASSETTE and the marks' own. Without it: once, and strict where CI is set",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the mark, and cassettes of the option."""
    config.addinivalue_line(
        "markers",
        "cassette(name, **settings): replay the calls of LLM, cloud clients, llmring and local "
        "models from cassettes/NAME beside the test's module; settings are LLM.Cassette's",
    )
    given = config.getoption("--cassette")
    if given is not None:
        from LLM.cassettes import modes
        from LLM.exceptions import LLMConfigError

        try:
            mode = modes.checked_mode(given, "--cassette")
        except LLMConfigError as err:
            raise pytest.UsageError(str(err)) from None
        before = modes.override
        modes.override = mode
        config.add_cleanup(lambda: setattr(modes, "override", before))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have marked tests use the fixture, before any other."""
    for item in items:
        names = getattr(item, "fixturenames", None)
        if names is not None and _FIXTURE not in names and item.get_closest_marker("cassette"):
            names.insert(_place(item, names), _FIXTURE)


def _place(item: pytest.Item, names: list[str]) -> int:
    """Before the first fixture that is made for each test, as pytest puts those of all tests."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    of_test = (at for at, name in enumerate(names) if name in known)
    return next((at for at in of_test if known[names[at]][-1].scope == "function"), len(names))


@pytest.fixture
def llm_cassette(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """The cassette of a test, whose calls it records or replays; at once unless `pace` is given."""
    from LLM.cassettes.recorder import Cassette

    mark = request.node.get_closest_marker("cassette")
    name, settings = _asked_for(request, mark)
    # Where nobody looks on, a call that is not recorded is a mistake and no wish.
    if "mode" not in settings and "strict" not in settings and _is_ci():
        settings["mode"] = "none"
    path = Path(request.path).parent / "cassettes" / name
    with Cassette(path, **{"pace": 0.0, **settings}) as cassette:
        yield cassette


def _asked_for(request: pytest.FixtureRequest, mark: Any) -> tuple[str, dict[str, Any]]:
    """File and settings of a test's cassette."""
    settings = dict(mark.kwargs) if mark is not None else {}
    given = mark.args if mark is not None else ()
    if not given:
        test = request.node.nodeid.partition("::")[2].replace("::", ".")
        return f"{_fit(request.path.stem)}/{_fit(test)}.jsonl", settings
    if len(given) != 1 or not isinstance(given[0], (str, os.PathLike)):
        raise pytest.UsageError(
            f"{request.node.nodeid}: the mark cassette takes one name of a file; give settings by "
            "their names"
        )
    return os.fspath(given[0]), settings


def _is_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _fit(name: str) -> str:
    """A part of a file's name, of a test's.

    What had to be changed gets a digest, so that no two tests have the same file.
    """
    fit = _UNFIT.sub("_", name)[:_MAX_NAME_CHARS]
    return fit if fit == name else f"{fit}-{zlib.crc32(name.encode('utf-8', 'replace')):08x}"
