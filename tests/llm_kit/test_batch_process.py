"""`llm-kit batch` as a process of its own: killed, interrupted, at a terminal, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.support import terminal
from tests.llm_kit.support import answer, line, read, serving, write
from tests.remote.scripted_server import Request, hang

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "llm_kit", "batch"]
N = 12


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in.jsonl", *(line(f"r{i}", seed=i) for i in range(N)))


class Held:
    """Answers so many requests, and then lets all further ones wait."""

    def __init__(self, n_answered: int) -> None:
        self._n_answered = n_answered
        #: Set when a request waits.
        self.waits = threading.Event()

    def __call__(self, request: Request) -> object:
        if request.number < self._n_answered:
            return answer(request)
        self.waits.set()
        return [hang]


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # No shell's handling of Ctrl-C is in between.
        start_new_session=True,
    )  # fmt: skip


def interrupted(signal_number: int, source: Path, out: Path) -> tuple[int, str, int]:
    """Exit code and standard error of a job that was signalled in the middle, and what is kept."""
    held = Held(5)
    with serving(held) as server:
        process = started(source, out, "--base-url", server.url, "--concurrency", "1")
        try:
            assert held.waits.wait(60)
            process.send_signal(signal_number)
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
            process.communicate()
    return process.returncode, told, len(read(out))


def test_a_killed_job_goes_on_where_it_was(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    code, _, n_kept = interrupted(signal.SIGKILL, source, out)
    assert (code, n_kept) == (-signal.SIGKILL, 5)
    with serving() as server:
        done = subprocess.run(
            [*COMMAND, source, out, "--base-url", server.url], capture_output=True, timeout=60
        )
    assert (done.returncode, len(server.requests)) == (0, N - 5)
    assert sorted(one["custom_id"] for one in read(out)) == sorted(f"r{i}" for i in range(N))


def test_an_interrupted_job_says_how_it_goes_on(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    code, told, n_kept = interrupted(signal.SIGINT, source, out)
    assert (code, n_kept) == (130, 5)
    assert told == (
        f"interrupted; what has ended is kept; run the same command to go on with '{out}'\n"
    )


def test_a_local_model_is_interrupted_at_once(tmp_path: Path) -> None:
    # Each would go on to the end of its window, which takes minutes.
    bias = {"0": -100, "1": -100, "2": -100}
    lines = [line(f"r{i}", max_tokens=None, logit_bias=bias) for i in range(400)]
    source = write(tmp_path / "in.jsonl", *lines)
    with terminal(
        "batch", str(source), str(tmp_path / "out.jsonl"), "--local", "tiny", program="llm_kit"
    ) as shown:
        shown.wait_for("/400", timeout_s=60)
        shown.press("\x03")
        shown.wait_for("interrupted; what has ended is kept", timeout_s=60)
        assert shown.exit_code(60) == 130


def test_a_table_is_made_after_a_kill(tmp_path: Path) -> None:
    rows = "".join(f"Say {i},tiny\n" for i in range(N))
    source = write(tmp_path / "in.csv", f"prompt,model\n{rows}".encode())
    out, held = tmp_path / "out.csv", Held(5)
    with serving(held) as server:
        process = started(source, out, "--base-url", server.url, "--concurrency", "1")
        assert held.waits.wait(60)
        process.kill()
        process.communicate()
    assert not out.exists()
    with serving() as server:
        again = [*COMMAND, str(source), str(out), "--base-url", server.url]
        assert subprocess.run(again, capture_output=True, timeout=60).returncode == 0
    assert len(server.requests) == N - 5
    assert out.read_text("utf-8").count("You said Say ") >= N


def test_a_bar_is_shown_at_a_terminal(source: Path, tmp_path: Path) -> None:
    with (
        serving() as server,
        terminal("batch", str(source), str(tmp_path / "out.jsonl"), "--base-url", server.url,
                 program="llm_kit") as shown,
    ):  # fmt: skip
        shown.wait_for(f"{N}/{N}", timeout_s=60)
        assert shown.exit_code(60) == 0


def test_nothing_goes_into_pipes_but_the_answers(source: Path) -> None:
    done = subprocess.run(
        [*COMMAND, source, "-", "--local", "tiny"], capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stdout.count(b'{"id":"batch_req_') == done.stdout.count(b"\n") == N
    assert b"\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--version"], 0, "llm-kit, version "),
        (["--help"], 0, "llm-kit batch requests.jsonl answers.jsonl --local tiny"),
        (["batch", "--nonsense"], 2, "No such option"),
        (["btach"], 2, "Did you mean 'batch'?"),
        (["completion", "bash"], 0, "_llm_kit_completion"),
    ],
    ids=["version", "help", "no option", "no command", "completion"],
)
def test_the_program_answers(arguments: list[str], code: int, says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llm_kit", *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code
    assert says in done.stdout + done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from llm_kit.cli.batch import batch\n"
        "heavy = {'aiohttp', 'pyarrow', 'ray', 'requests', 'rich', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_names_of_models_are_completed(tmp_path: Path) -> None:
    environ = {
        **os.environ, "_LLM_KIT_COMPLETE": "zsh_complete",
        "COMP_WORDS": "llm-kit batch a b --local ti", "COMP_CWORD": "5",
    }  # fmt: skip
    program = "from llm_kit.cli import cli; cli(prog_name='llm-kit')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60
    )
    assert "tiny" in done.stdout.split()
