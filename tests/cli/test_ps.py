"""`local-llm-kit ps`: what a running server has loaded, or that none of ours runs."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from local_llm_kit.cli import cli
from local_llm_kit.cli.ps import _until
from tests.cli.answers import Answer, answering
from tests.local.support import running_server

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HEALTH: Answer = (200, {"status": "ok", "slots": 8, "running": 2, "waiting": 1})
MODEL: dict[str, Any] = {
    "name": "tiny",
    "size": 4 << 20,
    "size_vram": 1 << 20,
    "context_length": 2048,
    "expires_at": "2318-01-01T00:00:00Z",
}
OURS: dict[str, Answer] = {"/health": HEALTH, "/api/ps": (200, {"models": [MODEL]})}


def run(url: str, *arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, ["ps", "--url", url, *arguments], env=environ)


def test_models_and_slots_are_told() -> None:
    with answering(OURS) as url:
        result = run(url)
    heading, model, slots = result.stdout.splitlines()
    assert heading.split("  ")[0] == "NAME"
    assert model.split() == ["tiny", "4.0", "MiB", "25", "%", "2,048", "forever"]
    assert slots == "2 of 8 slots busy, 1 requests waiting"


def test_our_own_server_is_understood() -> None:
    with running_server(api_key="secret") as server:
        told = json.loads(run(server.url, "--json", LOCAL_LLM_KIT_API_KEY="secret").stdout)
        lines = run(server.url, "--api-key", "secret").stdout.splitlines()
    assert told["models"][0]["size"] > 0
    assert lines[1].split()[0] == "tiny"
    assert lines[1].endswith("  2,048   forever")
    assert lines[2] == "0 of 8 slots busy, 0 requests waiting"


def test_json_has_both() -> None:
    with answering(OURS) as url:
        told = json.loads(run(f"{url}/v1", "--json").stdout)
    assert told == {"url": url, "slots": 8, "running": 2, "waiting": 1, "models": [MODEL]}


def test_what_a_server_leaves_out_is_left_empty() -> None:
    with answering(OURS | {"/api/ps": (200, {"models": [{"name": "a\x1b[2J"}]})}) as url:
        assert run(url).stdout.splitlines()[1] == "a�[2J"


def test_sizes_beyond_all_memory_are_left_empty() -> None:
    model = {"name": "a", "size": 10**400, "size_vram": 10**400, "context_length": True}
    with answering(OURS | {"/api/ps": (200, {"models": [model]})}) as url:
        result = run(url)
    assert (result.exit_code, result.stdout.splitlines()[1]) == (0, "a")


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"/health": (200, "")},
        {"/health": (200, {"status": "ok"})},
        {"/health": (200, "<html>")},
        {"/health": HEALTH, "/api/ps": (200, {"models": "none"})},
        {"/health": HEALTH, "/api/ps": (200, [])},
    ],
    ids=["nothing there", "vllm", "llama-server", "a page", "no list", "a bare list"],
)
def test_another_server_is_no_success(answers: dict[str, Answer]) -> None:
    with answering(answers) as url:
        result = run(url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"what answers at {url} is not a server of this kind" in result.stderr


def test_a_wrong_key_is_told_without_the_key() -> None:
    refusal = {"error": {"message": "the API key secret-key is wrong", "code": "invalid_api_key"}}
    with answering({"/health": HEALTH, "/api/ps": (401, refusal)}) as url:
        result = run(url, LOCAL_LLM_KIT_API_KEY="secret-key")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "401" in result.stderr
    assert "secret-key" not in result.stderr


def test_nobody_listening_names_the_command_that_starts_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
    result = run(f"http://127.0.0.1:{port}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: nothing listens at http://127.0.0.1:{port}; start a server with: local-llm-kit "
        "serve, or give its address by --url\n"
    )


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ((NOW + timedelta(seconds=30)).isoformat(), "30 s"),
        ((NOW + timedelta(minutes=5)).isoformat(), "5 min"),
        ((NOW + timedelta(hours=3)).isoformat(), "3 h"),
        ((NOW - timedelta(seconds=1)).isoformat(), "now"),
        ("2318-01-01T00:00:00.123456789+02:00", "forever"),
        ("2026-11-21T00:00:00", ""),
        ("soon", ""),
        (None, ""),
    ],
)
def test_the_end_of_a_model_is_told_in_words(moment: object, told: str) -> None:
    assert _until(moment, NOW) == told
