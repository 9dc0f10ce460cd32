"""What an error says of an extra that is missing, wherever llm-kit was installed from."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from LLM import extras
from LLM.extras import how_to_add

WHEEL = "llm_kit-0.1.0-py3-none-any.whl"
IN_ITS_FOLDER = "in llm-kit's folder run: pip install '.[ring,llama]'"
OF_THE_WHEEL = f"in the folder of {WHEEL} run: pip install './{WHEEL}[ring,llama]'"


@pytest.fixture(autouse=True)
def looked_up_anew() -> Iterator[None]:
    extras._archive.cache_clear()
    yield
    extras._archive.cache_clear()


@pytest.mark.parametrize(
    ("noted", "advice"),
    [
        (None, IN_ITS_FOLDER),
        ('{"url": "file:///src/llm-kit", "dir_info": {"editable": true}}', IN_ITS_FOLDER),
        ('{"url": "https://x.test/l.git", "vcs_info": {"vcs": "git"}}', IN_ITS_FOLDER),
        (f'{{"url": "https://x.test/{WHEEL}", "archive_info": {{}}}}', IN_ITS_FOLDER),
        (f'{{"url": "file:///a%20b/{WHEEL}", "archive_info": {{}}}}', OF_THE_WHEEL),
        ("[]", IN_ITS_FOLDER),
        ("{", IN_ITS_FOLDER),
        ('{"archive_info": {}}', IN_ITS_FOLDER),
    ],
    ids=["nothing", "clone", "git", "elsewhere", "wheel", "list", "no JSON", "no address"],
)
def test_an_extra_is_added_from_where_llm_kit_came(
    monkeypatch: pytest.MonkeyPatch, noted: str | None, advice: str
) -> None:
    installed = SimpleNamespace(read_text={"direct_url.json": noted}.get)
    monkeypatch.setattr(metadata, "distribution", {"llm-kit": installed}.get)
    assert how_to_add("ring,llama") == advice


def test_what_runs_from_a_folder_has_its_extras_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert how_to_add("ring,llama") == IN_ITS_FOLDER
    assert how_to_add("") == "in llm-kit's folder run: pip install ."
    assert how_to_add("llama", "--force-reinstall").endswith(
        "pip install --force-reinstall '.[llama]'"
    )


def test_where_llm_kit_came_from_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def distribution(name: str) -> Any:
        looked_up.append(name)
        return SimpleNamespace(read_text=lambda _: None)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert {how_to_add("llama") for _ in range(3)} == {
        "in llm-kit's folder run: pip install '.[llama]'"
    }
    assert looked_up == ["llm-kit"]
