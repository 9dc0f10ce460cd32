"""Child processes of the scripts end with everything that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import processes
import psutil
import pytest

pytestmark = pytest.mark.slow

#: Starts a child and writes both numbers; "stubborn" ignores the gentle signals, and so does its
#: child, "stubborn child" only the latter.
FAMILY = """
import os, signal, subprocess, sys, time
mood = sys.argv[1:]
if mood:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which the child inherits
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if mood == ["stubborn child"]:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""


def start(*arguments: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    process = subprocess.Popen(
        [sys.executable, "-c", FAMILY, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    family = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
    process.stdout.close()
    return process, family


def gone(family: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(family, timeout=10)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_stop_ends_a_process_and_its_child(number: signal.Signals) -> None:
    process, family = start()
    processes.stop(process, number)
    assert gone(family)


def test_stop_kills_what_ignores_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_S", 0.2)
    process, family = start("stubborn")
    processes.stop(process)
    assert process.returncode == -signal.SIGKILL
    assert gone(family)


def test_stop_kills_the_child_that_outlives_its_parent() -> None:
    process, family = start("stubborn child")
    processes.stop(process)
    assert process.returncode == -signal.SIGTERM
    assert gone(family)


def test_stop_may_be_called_again() -> None:
    process, _ = start()
    processes.stop(process)
    processes.stop(process)
    assert process.returncode == -signal.SIGTERM


def test_a_failed_command_is_told_with_its_last_lines(tmp_path: Path) -> None:
    code = "print('the reason'); raise SystemExit(3)"
    with pytest.raises(processes.CommandError) as failure:
        processes.follow("trying", [sys.executable, "-c", code], tmp_path)
    assert str(failure.value).startswith("trying failed (exit code 3): ")
    assert str(failure.value).endswith("\nthe reason")


def test_progress_goes_to_stderr_and_names_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.follow("trying", [sys.executable, "-c", "print('hidden')"], tmp_path)
    assert capsys.readouterr() == ("", "trying 0:00\n")


def test_an_interrupt_ends_the_followed_command(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = FAMILY.replace("flush=True", f"file=open({str(pids)!r}, 'w', buffering=1), flush=True")
    stop_polling = threading.Event()

    def interrupt_once_started() -> None:
        while not stop_polling.wait(0.02):
            if pids.exists() and pids.read_text().endswith("\n"):
                os.kill(os.getpid(), signal.SIGINT)
                return

    threading.Thread(target=interrupt_once_started).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            processes.follow("trying", [sys.executable, "-c", code], tmp_path)
    finally:
        stop_polling.set()
    for pid in pids.read_text().split():
        assert not psutil.pid_exists(int(pid)) or gone([psutil.Process(int(pid))])


def test_a_signal_that_comes_while_a_child_is_born_waits_for_its_parent() -> None:
    order: list[str] = []

    def start_a_child() -> None:
        with processes.held_signals():
            signal.raise_signal(signal.SIGINT)
            order.append("the child has its object")
        order.append("never reached")

    with pytest.raises(KeyboardInterrupt):
        start_a_child()
    assert order == ["the child has its object"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
