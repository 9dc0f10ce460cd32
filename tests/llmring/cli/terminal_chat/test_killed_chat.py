"""A chat that is killed loses the running turn at most."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.llmring.cli.support import ROOT, start
from tests.llmring.cli.terminal_chat.chats import MODEL, variables
from tests.llmring.mcp.turns import Said
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow


def test_turns_that_were_answered_survive_a_kill(data_folder: Path) -> None:
    halting = [wire.UNTIL_CLOSE + wire.event(wire.chunk("Hel"))]
    with ScriptedServer((Said("One."), Said("Two."), halting)) as server:
        options = ("mcp", "chat", "--model", MODEL)
        with start(*options, environ=variables(server)) as process:
            process.stdin.write("1\n2\n3\n")
            process.stdin.flush()
            assert process.stdout.read(len("One.\nTwo.\nHel")) == "One.\nTwo.\nHel"
            process.send_signal(signal.SIGKILL)
    (path,) = (data_folder / "chats").iterdir()
    contents = [one["content"] for one in json.loads(path.read_text())["messages"]]
    assert contents == ["1", "One.", "2", "Two."]


@pytest.mark.parametrize("program", [["llmring", "mcp", "chat"], ["llmring.mcp.client"]])
def test_an_interrupted_script_ends_with_130_and_keeps_what_was_said(
    data_folder: Path, program: list[str]
) -> None:
    halting = [wire.UNTIL_CLOSE + wire.event(wire.chunk("Hel"))]
    with ScriptedServer((halting,)) as server:
        environ = {**os.environ, **variables(server), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", *program, "--model", MODEL]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, env=environ, text=True, **pipes) as process:
            process.stdin.write("1\n")
            process.stdin.flush()
            assert process.stdout.read(3) == "Hel"
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == "\n"
    assert process.returncode == 130
    (path,) = (data_folder / "chats").iterdir()
    contents = [one["content"] for one in json.loads(path.read_text())["messages"]]
    assert contents == ["1", "Hel"]
