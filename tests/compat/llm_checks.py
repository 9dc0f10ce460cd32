"""Simon Willison's `llm`: its command, told of the server by its file of further models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.compat.common import HELLO, KEY, MODEL, WEATHER

_FUNCTION = """
def get_weather(city: str) -> str:
    "Tells the weather of a city."
    return "sunny in " + city
"""


def _llm(url: str, *arguments: str) -> str:
    with tempfile.TemporaryDirectory() as home:
        Path(home, "extra-openai-models.yaml").write_text(
            f"- model_id: {MODEL}\n  model_name: {MODEL}\n  api_base: {url}/v1\n"
            "  supports_tools: true\n  supports_schema: true\n"
        )
        command = [sys.executable, "-m", "llm", "-m", MODEL, "--key", KEY, *arguments]
        environment = {**os.environ, "LLM_USER_PATH": home}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def chat(url: str) -> None:
    assert _llm(url, "--no-stream", "-o", "temperature", "0", "-s", "Be brief.", HELLO).strip()


def stream(url: str) -> None:
    assert _llm(url, HELLO).strip()


def tools(url: str) -> None:
    assert "sunny" in _llm(url, "--functions", _FUNCTION, WEATHER)


def structured(url: str) -> None:
    for options in ((), ("--no-stream",)):
        dog = json.loads(_llm(url, *options, "--schema", "name, age int", "Invent a dog."))
        assert isinstance(dog["age"], int)


CHECKS = (chat, stream, tools, structured)
