"""What `scripts/release-check` finds in archives: one that lacks something, one with too much."""

from __future__ import annotations

import configparser
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from release import contents, extras

ROOT = Path(__file__).resolve().parents[2]
TRACKED = ["LLM/__init__.py", "LLM/py.typed", "tests/test_x.py", "docs/llm.md", "setup.cfg"]
TRACKED += ["LICENSE", "llmring/data/LICENSE-prices", "docs/conf.py"]


def wheel(folder: Path, *names: str) -> Path:
    path = folder / "llm_kit-1.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(
                name, "Name: llm-kit\n\nThe [text](docs/llm.md), [x](https://x.invalid)"
            )
    return path


def test_a_whole_wheel_passes_and_its_metadata_is_no_matter(tmp_path: Path) -> None:
    path = wheel(tmp_path, "LLM/__init__.py", "LLM/py.typed", "llm_kit-1.dist-info/RECORD")
    assert contents.wheel_problems(contents.wheel_files(path), TRACKED[:6]) == []


def test_a_wheel_without_a_data_file_and_with_a_cache_is_told() -> None:
    found = {"LLM/__init__.py", "LLM/__pycache__/x.pyc", "tests/test_x.py"}
    assert contents.wheel_problems(found, TRACKED[:6]) == [
        "wheel: LLM/py.typed is missing",
        "wheel: LLM/__pycache__/x.pyc is too much",
        "wheel: tests/test_x.py is too much",
    ]


def test_an_sdist_has_packages_and_pages_and_no_tests(tmp_path: Path) -> None:
    path = tmp_path / "llm_kit-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in [*TRACKED[:2], "tests/test_x.py", "setup.cfg", "PKG-INFO", "LICENSE"]:
            archive.addfile(tarfile.TarInfo(f"llm_kit-1/{name}"), io.BytesIO())
    assert contents.sdist_problems(contents.sdist_files(path), TRACKED) == [
        "sdist: docs/llm.md is missing",
        "sdist: llmring/data/LICENSE-prices is missing",
        "sdist: tests/test_x.py is too much",
    ]


def test_a_licence_that_the_wheel_does_not_declare_is_told(tmp_path: Path) -> None:
    path = wheel(tmp_path, "llm_kit-1.dist-info/licenses/LICENSE", "llmring/data/LICENSE-prices")
    assert contents.licence_problems(contents.wheel_licences(path), TRACKED) == [
        "wheel's licences: llmring/data/LICENSE-prices is missing"
    ]


def test_links_into_the_repository_are_no_links_of_a_description(tmp_path: Path) -> None:
    text = contents.description(wheel(tmp_path, "llm_kit-1.dist-info/METADATA"))
    assert contents.description_problems(text) == [
        "description: 'docs/llm.md' leads nowhere on an index"
    ]


def test_our_description_has_no_such_link() -> None:
    text = (ROOT / "DESCRIPTION.md").read_text("utf-8")
    assert contents.description_problems(text) == []


def test_every_extra_is_tried_or_left_to_developers() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    tried = {*extras.TRIALS, *extras.WITH_TORCH, *extras.FOR_DEVELOPERS}
    assert tried == set(setup["options.extras_require"])


@pytest.mark.parametrize("trial", [*extras.TRIALS.values(), *extras.WITH_TORCH.values()])
def test_the_code_of_a_trial_is_python(trial: extras.Trial) -> None:
    compile(trial.code, "trial", "exec")
