"""The demo from start to end, and that no way of ending it leaves the server behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--no-install"]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serving(port: int) -> Iterator[subprocess.Popen[str]]:
    """A demo that was told to keep the server, once it has said so."""
    command = [*DEMO, "--port", str(port), "--serve"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    assert any(f"open http://127.0.0.1:{port}/ in a browser" in line for line in demo.stdout)
    yield demo
    demo.kill()
    demo.communicate()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def server_of(demo: subprocess.Popen[str]) -> psutil.Process:
    """The demo's child, as soon as there is one."""
    parent = psutil.Process(demo.pid)
    while demo.poll() is None:
        if children := parent.children():
            return children[0]
        time.sleep(0.01)
    pytest.fail("the demo ended without starting a server")


def test_the_demo_talks_to_the_model_and_stops_the_server(port: int) -> None:
    run = subprocess.run([*DEMO, "--port", str(port)], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert f"http://127.0.0.1:{port}" in run.stdout
    assert "models: tiny" in run.stdout
    assert run.stdout.count("tokens/s") == 3
    assert "\n4 requests, " in run.stdout
    assert not is_listening(port)


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        run = subprocess.run([*DEMO, "--port", str(port)], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith(f"error: port {port} on 127.0.0.1 is in use")
    assert f"--port {port + 1}" in run.stderr


def test_a_model_that_is_not_there_is_told_in_the_servers_words(port: int) -> None:
    command = [*DEMO, "--port", str(port), "--model", "no-such.gguf"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("error: the server did not start: ")
    assert "no-such.gguf" in run.stderr


def test_serve_keeps_the_server_until_ctrl_c(serving: subprocess.Popen[str], port: int) -> None:
    assert is_listening(port)
    serving.send_signal(signal.SIGINT)
    _, messages = serving.communicate(timeout=30)
    assert serving.returncode == 130
    assert "interrupted" in messages
    assert not is_listening(port)


def test_sigterm_stops_the_server_too(serving: subprocess.Popen[str], port: int) -> None:
    serving.terminate()
    serving.communicate(timeout=30)
    assert serving.returncode == 128 + signal.SIGTERM
    assert not is_listening(port)


def test_the_server_ends_when_the_demo_is_killed(serving: subprocess.Popen[str]) -> None:
    server = server_of(serving)
    serving.kill()
    serving.communicate()
    server.wait(timeout=30)


def test_ctrl_c_while_the_server_starts_stops_it(port: int) -> None:
    command = [*DEMO, "--port", str(port)]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    server = server_of(demo)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=30)
    assert demo.returncode == 130
    assert not server.is_running()


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_wrong_port_ends_with_2(port: str) -> None:
    run = subprocess.run([*DEMO, "--port", port], capture_output=True, text=True)
    assert run.returncode == 2
    assert "--port" in run.stderr
