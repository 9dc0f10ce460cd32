"""The command line as a process of its own: it serves, and ends when told to."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from LLM import LLM, LLMConfig
from local_llm_kit.cli import serve

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "local_llm_kit", "serve", "--port"]


class Served:
    """A started `serve` process that listens at `url`."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "0", *options], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"http://[\d.]+:\d+", line):
                self.url = found.group()
                return
        pytest.fail("the server ended without telling its address")

    def exit_code(self) -> int:
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served("--exit-on-eof", "--alias", "gpt-4")
    yield server
    server.process.kill()
    server.process.communicate()


def test_a_started_server_answers(served: Served) -> None:
    with LLM(LLMConfig(base_url=served.url)) as llm:
        assert llm.chat_completion([{"role": "user", "content": "Hello!"}]).text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_a_signal_ends_it_well(served: Served, number: signal.Signals) -> None:
    served.process.send_signal(number)
    assert served.exit_code() == 0


def test_standard_input_that_cannot_be_read_ends_it_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ends: list[int] = []
    monkeypatch.setattr(serve.os, "kill", lambda pid, number: ends.append(number))
    monkeypatch.setattr(serve.os, "_exit", ends.append)
    monkeypatch.setattr(serve, "_STOP_GRACE_S", 0)
    with open(tmp_path / "written", "wb") as file:
        serve._stop_at_eof(file.fileno())
    assert ends == [signal.SIGTERM, 1]


def test_closing_standard_input_ends_it_well(served: Served) -> None:
    assert served.process.stdin is not None
    served.process.stdin.close()
    served.process.stdin = None
    assert served.exit_code() == 0


def test_a_port_in_use_is_one_line_and_ends_with_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        run = subprocess.run([*COMMAND, str(port)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert re.fullmatch(rf"error: .*{port}.*\n", run.stderr)


def test_a_model_that_is_not_there_ends_with_1() -> None:
    command = [*COMMAND, "0", "--model", "no-such.gguf"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert "no-such.gguf" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_page_and_the_metrics_are_told(served: Served) -> None:
    assert served.process.stderr is not None
    line = served.process.stderr.readline()
    assert line == f"page: {served.url}/  metrics: {served.url}/metrics\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    "args",
    [["run", "Hello!"], ["run", "Hello!", "--json"], ["models", "list"], ["completion", "bash"]],
    ids=["text", "json", "table", "script"],
)
def test_a_full_disk_under_the_output_is_one_line_and_ends_with_1(args: list[str]) -> None:
    command = [sys.executable, "-m", "local_llm_kit", *args]
    with open("/dev/full", "w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == 1
    assert run.stderr == "error: cannot write to standard output: No space left on device\n"


def test_a_ctrl_c_while_an_answer_is_awaited_ends_with_130() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "local_llm_kit", "run", "Hi", "--url", url]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 130
