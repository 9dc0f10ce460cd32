"""A conversation's cache, saved to a file and restored."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from LLM.exceptions import InvalidRequestError, LLMConfigError
from local_llm_kit.engines import state_file
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.protocol import SamplingParams
from local_llm_kit.engines.state_file import State
from tests.local.support import TINY, chat_prompt, generate, running_engine

pytestmark = pytest.mark.slow

GREEDY = SamplingParams(temperature=0)
PROMPT = chat_prompt("My name is Ada, and I like the colour green. " * 10 + "What is my name?")


def saved(engine: LlamaCppEngine, path: Path) -> int:
    generate(engine, PROMPT, sampling=GREEDY).wait()
    return engine.save_state(engine.tokenize(PROMPT, parse_special=True), str(path))


def test_a_restored_conversation_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "ada.state"
    with running_engine() as engine:
        n_tokens = saved(engine, path)
        expected = generate(engine, PROMPT, sampling=GREEDY).wait()
    with running_engine() as engine:
        assert engine.load_state(str(path)) == n_tokens
        done = generate(engine, PROMPT, sampling=GREEDY).wait()
        assert done.text == expected.text
        assert done.end.cached_tokens == done.end.prompt_tokens - 1


def test_only_the_text_asked_for_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "short.state"
    with running_engine() as engine:
        saved(engine, tmp_path / "long.state")
        tokens = engine.tokenize(PROMPT, parse_special=True)[:20]
        assert engine.save_state(tokens, str(path)) == 20
        assert path.stat().st_size < (tmp_path / "long.state").stat().st_size / 3


def test_a_text_that_is_not_cached_writes_no_file(engine: LlamaCppEngine, tmp_path: Path) -> None:
    path = tmp_path / "none.state"
    assert engine.save_state([engine.info.n_vocab - 1] * 3, str(path)) == 0
    assert not path.exists()


@pytest.mark.parametrize("cut", [0, 5, 20, 200, -1], ids=str)
def test_a_cut_file_is_refused_and_the_engine_goes_on(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.state"
    with running_engine() as engine:
        saved(engine, path)
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(InvalidRequestError, match=r"damaged|no state file"):
            engine.load_state(str(path))
        assert generate(engine, PROMPT, sampling=GREEDY).wait().end.reason == "stop"


@pytest.mark.parametrize("name", ["none.state", ".", "a\0b"], ids=["missing", "folder", "NUL"])
def test_a_path_that_cannot_be_read_is_named(
    engine: LlamaCppEngine, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InvalidRequestError, match="cannot read the state file"):
        engine.load_state(f"{tmp_path}/{name}")


def test_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flipped.state"
    with running_engine() as engine:
        saved(engine, path)
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
        with pytest.raises(InvalidRequestError, match="damaged"):
            engine.load_state(str(path))


def test_a_state_of_another_model_is_refused(tmp_path: Path, tiny_f32: Path) -> None:
    path = tmp_path / "other.state"
    with running_engine() as engine:
        saved(engine, path)
    with running_engine(tiny_f32) as other, pytest.raises(InvalidRequestError, match="another"):
        other.load_state(str(path))


def test_a_state_belongs_to_the_weights_in_memory_not_to_a_newer_file(
    tmp_path: Path, tiny_f32: Path
) -> None:
    model, path = tmp_path / "model.gguf", tmp_path / "old.state"
    shutil.copyfile(TINY, model)
    with running_engine(model) as engine:
        shutil.copyfile(tiny_f32, tmp_path / "new.gguf")
        (tmp_path / "new.gguf").replace(model)
        saved(engine, path)
        model.unlink()
        assert engine.load_state(str(path)) > 0
    with running_engine(tiny_f32) as other, pytest.raises(InvalidRequestError, match="another"):
        other.load_state(str(path))


@pytest.mark.parametrize("name", ["nowhere/x.state", "a\0b"], ids=["no folder", "NUL"])
def test_a_path_that_cannot_be_written_is_a_clear_error(tmp_path: Path, name: str) -> None:
    with running_engine() as engine, pytest.raises(LLMConfigError, match="cannot write"):
        saved(engine, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_the_new_file_is_closed_before_it_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows renames no file that is open."""
    replace, left_open = os.replace, []

    def watched(source: str | Path, target: Path) -> None:
        files = (os.path.realpath(one) for one in Path("/proc/self/fd").iterdir())
        left_open.extend(one for one in files if one == os.fspath(source))
        replace(source, target)

    monkeypatch.setattr("os.replace", watched)
    state_file.write(tmp_path / "x.state", State([1], b"cells"), "me")
    assert state_file.read(tmp_path / "x.state", "me") == State([1], b"cells")
    assert not left_open


def test_a_written_state_and_its_name_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []

    def noting(handle: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{handle}")))

    monkeypatch.setattr("os.fsync", noting)
    state_file.write(tmp_path / "x.state", State([1], b"cells"), "me")
    partial, folder = synced
    assert (partial.parent, folder) == (tmp_path, tmp_path)


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.state"
    with running_engine() as engine:
        saved(engine, path)
        before = path.read_bytes()

        def full_disk(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full_disk)
        with pytest.raises(LLMConfigError, match="No space left"):
            saved(engine, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
