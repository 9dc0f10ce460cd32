"""A Ctrl-C while a model is loaded."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from LLM import LLMServerError
from local_llm_kit import LLMClient
from local_llm_kit.engines.llama_cpp import LlamaCppEngine, LlamaCppOptions, library
from local_llm_kit.interrupts import off_the_main_thread
from local_llm_kit.load_progress import LoadProgress
from tests.local.support import TINY


@pytest.fixture
def interrupted() -> Iterator[threading.Event]:
    """Set once the main thread has taken the Ctrl-C, which it raises as ever."""
    seen = threading.Event()

    def take(*_: Any) -> None:
        seen.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, take)
    yield seen
    signal.signal(signal.SIGINT, before)


def press_ctrl_c() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of POSIX")
def test_a_ctrl_c_discards_what_is_built_all_the_same(interrupted: threading.Event) -> None:
    def build() -> str:
        press_ctrl_c()
        assert interrupted.wait(30)
        return "engine"

    discarded: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        off_the_main_thread(build, discarded.append)
    assert discarded == ["engine"]


def test_what_building_raises_is_raised() -> None:
    def build() -> str:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        off_the_main_thread(build, discard=print)


def test_a_thread_builds_for_itself() -> None:
    built: list[str] = []

    def load() -> None:
        built.append(off_the_main_thread(lambda: threading.current_thread().name, discard=print))

    thread = threading.Thread(target=load, name="mine")
    thread.start()
    thread.join(30)
    assert built == ["mine"]


def test_no_log_of_llama_cpp_is_written_on_the_main_thread_while_a_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: set[str] = set()
    note = library.buffers.note

    def watch(line: bytes) -> None:
        names.add(threading.current_thread().name)
        note(line)

    monkeypatch.setattr(library.buffers, "note", watch)
    with LLMClient("tiny"):
        assert names
        assert "MainThread" not in names


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of POSIX")
def test_a_ctrl_c_asks_what_is_built_to_stop(interrupted: threading.Event) -> None:
    asked = threading.Event()

    def build() -> None:
        press_ctrl_c()
        assert asked.wait(30)
        raise ValueError("half a model")

    with pytest.raises(KeyboardInterrupt):
        off_the_main_thread(build, discard=print, stop=asked.set)


def test_llama_cpp_stops_half_way() -> None:
    fractions: list[float] = []

    def stop(fraction: float) -> bool:
        fractions.append(fraction)
        return False

    with pytest.raises(LLMServerError, match="was stopped"):
        LlamaCppEngine(str(TINY), "tiny", LlamaCppOptions(on_load=stop))
    assert fractions == [0]


def test_llama_cpp_stops_behind_the_weights_too() -> None:
    fractions: list[float] = []

    def stop(fraction: float) -> bool:
        fractions.append(fraction)
        return fractions.count(1) < 3

    with pytest.raises(LLMServerError, match="was stopped"):
        LlamaCppEngine(str(TINY), "tiny", LlamaCppOptions(on_load=stop))
    assert fractions.count(1) == 3


def test_loading_tells_how_far_it_is() -> None:
    steps: list[LoadProgress] = []
    with LLMClient("tiny", on_load=steps.append):
        fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert {(step.name, step.size_bytes) for step in steps} == {("tiny", TINY.stat().st_size)}


def test_what_a_watch_raises_ends_the_loading() -> None:
    def refuse(_: LoadProgress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LLMClient("tiny", on_load=refuse)
