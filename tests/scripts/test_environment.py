"""The environment of the scripts: which it is, when it installs, what it says when it cannot.

pip never runs here: the environment's Python only notes its calls.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import environment
import pytest

from tests.scripts.conftest import FakeVenv


@pytest.fixture
def without_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)


def test_venv_wins_over_the_active_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/active")
    assert environment.location() == Path("/active")
    monkeypatch.setenv("VENV", "/chosen")
    assert environment.location() == Path("/chosen")


def test_the_repositorys_own_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VENV", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert environment.location() == environment.ROOT / ".venv"


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setenv("VENV", str(tmp_path))
    with pytest.raises(environment.SetupError, match="is no virtual environment"):
        environment.prepare("demo")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_second_run_installs_nothing(venv: FakeVenv) -> None:
    assert environment.prepare("demo") == venv.folder / "bin" / "python"
    [call] = venv.installations()
    assert call.endswith("-c requirements.txt -e .[llama,server]")
    environment.prepare("demo")
    assert venv.installations() == []


def test_what_is_installed_into_the_running_environment_can_be_imported(
    venv: FakeVenv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, source = tmp_path / "site-packages", tmp_path / "source"
    packages.mkdir()
    source.mkdir()
    (packages / "editable.pth").write_text(f"{source}\n")
    monkeypatch.setattr(sys, "prefix", str(venv.folder))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(environment.sysconfig, "get_path", lambda name: str(packages))
    environment.prepare("demo")
    assert str(source) in sys.path


def test_pip_takes_the_pinned_versions_as_constraints() -> None:
    text = (environment.ROOT / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.match(r"[\w-]+==[\w.]+(;|$)", line)] == []


def test_what_the_tests_need_is_enough_for_the_demo_but_not_the_reverse(venv: FakeVenv) -> None:
    environment.prepare("demo")
    environment.prepare("test")
    assert len(venv.installations()) == 2
    environment.prepare("demo")
    environment.prepare("test")
    assert venv.installations() == []


def test_another_python_installs_again(venv: FakeVenv) -> None:
    environment.prepare("demo")
    (venv.folder / "pyvenv.cfg").write_text("version = 3.12.0\n")
    environment.prepare("demo")
    assert len(venv.installations()) == 2


def test_a_failed_installation_shows_pips_words_and_is_tried_again(venv: FakeVenv) -> None:
    venv.fail_on("install")
    with pytest.raises(environment.SetupError, match="told to fail"):
        environment.prepare("demo")
    venv.fail_on("no-such-call")
    environment.prepare("demo")
    assert len(venv.installations()) == 2


def test_a_failed_update_invalidates_what_was_there(venv: FakeVenv) -> None:
    environment.prepare("demo")
    venv.fail_on("requirements.txt")
    with pytest.raises(environment.SetupError):
        environment.prepare("test")
    venv.fail_on("no-such-call")
    environment.prepare("demo")
    assert len(venv.installations()) == 3


@pytest.mark.usefixtures("without_compiler")
def test_a_missing_compiler_is_told_before_anything_is_installed(venv: FakeVenv) -> None:
    venv.fail_on("import llama_cpp", "--dry-run")
    with pytest.raises(environment.SetupError, match=r"apt-get install g\+\+ cmake"):
        environment.prepare("demo")
    assert venv.installations() == []


@pytest.mark.usefixtures("without_compiler")
@pytest.mark.parametrize("missing", ["import llama_cpp", "--dry-run"])
def test_no_compiler_is_needed_where_llama_cpp_is_installed_or_comes_compiled(
    venv: FakeVenv, missing: str
) -> None:
    venv.fail_on(missing)
    environment.prepare("demo")
    assert len(venv.installations()) == 1


def test_a_python_without_ensurepip_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = FakeVenv(tmp_path / "system")
    system.fail_on("import ensurepip")
    monkeypatch.setattr(sys, "executable", str(system.folder / "bin" / "python"))
    monkeypatch.setenv("VENV", str(tmp_path / "new"))
    with pytest.raises(environment.SetupError, match=r"apt-get install python3\.\d+-venv"):
        environment.prepare("demo")
    assert not (tmp_path / "new").exists()
