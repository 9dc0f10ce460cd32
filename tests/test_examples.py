"""Every script in examples/ runs as its docstring says, offline, and shows what it is about."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from llmring.mcp.client import Limits, MCPConnection
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path for path in EXAMPLES.glob("*.py") if path.name != "serving.py")

#: What each prints, as a regular expression; only what a model says at temperature 0 is in it.
PRINTED = {
    "agent_providers": r"openai: .*Paris.*\nanthropic: .*Paris.*\nollama: .*Paris.*\n",
    "async_fan_out": r"(\d+ plus 1: .*\n){20}20 calls, \d+ tokens in",
    "batch_job": r"first: 5 of 12 .*\nagain: 12 answered, 5 of them before\n(sum-\d+ .+\n){12}",
    "cassette_in_a_test": r"1 passed",
    "cloud_clients": r"(?s)OpenAICompat.*Anthropic.*Ollama.*\d+ tokens",
    "conversation_memory": r"Your name is Zoe\.\n\['zoe'\] 4 messages",
    "cost_report": r"openai:gpt-5\.5 .*\$0\.000[1-9](.*\n)+all +\d+ tokens  \$0\.000.*  3 calls",
    "decisions": r"red +\d+\.\d%\nblue .*\ndark green .*\nlikes it +\d+\.\d%",
    "embedding_search": r"\A0\.9\d\d The boat is on the lake\.\n(0\.\d{3} .*\n){3}\Z",
    "files_and_images": r"'document'\]\nlocal:tiny says: .+\n.*'image_url'\]\nrefused: .*text only",
    "kept_conversations": r"Your name is Zoe\.\nfound: (.*\n)+# Names\n(.*\n)+## User",
    "local_model": r"weights +1\.1 MiB(.*\n)+The capital of France is Paris\.\n",
    "lockfile_fallback": r"down:some-model failed ProviderConnectionError\n +local:tiny answered",
    "mcp_chat_example": r"calls mcp_get_weather \{.*\ntool: It is sunny.*\nassistant:",
    "mcp_streaming_example": r"calls get_weather .*\ngot: It is sunny.*\n(.*\n)+\d+ tokens, \$0\.0",
    "openai_sdk": r"\['tiny'\]\n(The capital of France is Paris\.\n){2}",
    "quick_start": r"local:tiny: \S(.*\n)+\d+ tokens, 0\.0 dollars\n\S",
    "retries_and_errors": r"two failures: Here I am\.\nrefused: 401 (.*\n)+nobody there: ",
    "several_models": r"tiny: .*model is loaded\)\ncopy.*make room\)\ntiny: .*model is loaded\)",
    "streaming": r"text: .+\nwhole: .*19, 20\ncounts:  \d+ chunks, \d+ tok.*\nleft at: 1, .*5\n",
    "structured_output": r"Person\(name='Ada', age=36\)\nPerson\(name='Max', age=7\)",
    "telemetry_to_console": r"SERVER +POST /v1/chat(.*\n)+CLIENT +chat tiny (.*\n)+.* greetings",
    "tool_loop": r"calls get_weather \{'city': 'Paris'\}\nanswers .*Paris",
}
QUICK = {"local_model", "retries_and_errors"}


def command(script: Path) -> list[str]:
    """The first command of a script's docstring, run by this Python and without its `[…]`."""
    told = ast.get_docstring(ast.parse(script.read_text("utf-8"))) or ""
    found = re.search(r"^    python (.+)$", told, re.MULTILINE)
    assert found, f"{script.name} does not say how it is run"
    return [sys.executable, *shlex.split(re.sub(r" \[.+\]", "", found[1]))]


def run(script: Path, home: Path, **settings: str) -> str:
    """What a script prints without keys and other settings, nor what lies beyond this machine."""
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    environment = {
        "HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error", "NO_PROXY": "127.0.0.1", **nowhere, **settings,
    }  # fmt: skip
    ended = subprocess.run(
        command(script), cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=() if one in QUICK else pytest.mark.slow) for one in PRINTED],
)
def test_an_example_shows_what_it_is_about(name: str, tmp_path: Path) -> None:
    printed = run(EXAMPLES / f"{name}.py", tmp_path)
    assert re.search(PRINTED[name], printed), printed


@pytest.mark.slow
def test_an_example_asks_the_server_that_the_environment_names(tmp_path: Path) -> None:
    message = {"role": "assistant", "content": '{"name": "Eve", "age": 5}'}
    body = json.dumps({"choices": [{"index": 0, "message": message}]}).encode()
    with ScriptedServer((wire.answer(body),)) as server:
        printed = run(
            EXAMPLES / "structured_output.py", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1",
            OPENAI_API_KEY="sk-of-the-user", OPENAI_MODEL="theirs",
        )  # fmt: skip
        (first, _) = server.requests
    assert printed == "Person(name='Eve', age=5)\n" * 2
    assert first.headers["authorization"] == "Bearer sk-of-the-user"
    assert json.loads(first.body)["model"] == "theirs"


@pytest.mark.slow
def test_the_example_of_an_mcp_server_offers_its_tools(tmp_path: Path) -> None:
    script = EXAMPLES / "mcp_server.py"

    async def ask() -> tuple[list[str], str]:
        async with MCPConnection(command(script), limits=Limits(connect_s=200)) as server:
            tools = [tool.name for tool in await server.tools()]
            return tools, str((await server.call_tool("add", {"a": 1, "b": 2})).content)

    tools, answer = asyncio.run(ask())
    assert tools == ["get_weather", "add"]
    assert answer == "3.0"


def test_every_script_is_run_here() -> None:
    assert [path.stem for path in SCRIPTS] == sorted([*PRINTED, "mcp_server"])


def test_the_page_lists_every_script() -> None:
    page = (EXAMPLES / "README.md").read_text("utf-8")
    listed = re.findall(r"^\| \[(\w+\.py)\]\((\w+\.py)\) \| ", page, re.MULTILINE)
    assert sorted(listed) == [(path.name, path.name) for path in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_an_example_is_short(script: Path) -> None:
    assert 15 <= len(script.read_text("utf-8").splitlines()) <= 65
