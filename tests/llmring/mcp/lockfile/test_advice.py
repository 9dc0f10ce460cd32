"""A model that advises: whichever provider it is of, the session ends in a written lockfile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmring.lockfile import load
from llmring.mcp.server.lockfile import ADVISOR_PROMPT, lockfile_tools
from tests.llmring.mcp.lockfile.workbench import LOCKFILE, LUNA
from tests.llmring.mcp.turns import PROVIDERS, Said, ask, told
from tests.remote import wire
from tests.remote.scripted_server import Request

pytestmark = pytest.mark.slow

ASKED = [{"role": "user", "content": "Bind the alias quick to Luna of OpenAI, and save."}]
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("get_configuration", {}),
    ("add_alias", {"alias": "quick", "models": "openai:gpt-luna"}),
    ("add_alias", {"alias": "quick", "models": LUNA}),
    ("save_lockfile", {}),
]


class Prompted(Said):
    """A model of Ollama's without tools, which calls them in text."""

    def __call__(self, request: Request) -> bytes:
        if request.path.startswith("/api/show"):
            return wire.answer({"capabilities": ["completion"], "details": {}})
        calls = [{"name": name, "arguments": arguments} for name, arguments in self.calls]
        texts = [f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls]
        return Said("\n".join([*texts, self.text])).__call__(request)


def advised(path: Path, provider: str, kind: type[Said] = Said) -> list[str]:
    """What the model is told by the tools in a session that binds and saves."""
    path.write_text(LOCKFILE)
    said = [kind(calls=[step]) for step in STEPS]
    first = [kind()] if provider == "ollama" else []  # it is asked what the model can do
    turn, _, bodies = ask(
        *first,
        *said,
        kind("Saved."),
        provider=provider,
        messages=ASKED,
        tools=lockfile_tools(path),
        system_prompt=ADVISOR_PROMPT,
    )
    assert turn.content.strip() == "Saved."
    assert "You help the user to set up a lockfile" in json.dumps(bodies[0])
    return [str(content) for content in told(turn)]


@pytest.mark.parametrize(
    ("provider", "kind"),
    [*((provider, Said) for provider in PROVIDERS), ("ollama", Prompted)],
    ids=[*PROVIDERS, "no tools"],
)
def test_a_session_ends_in_a_written_lockfile(
    tmp_path: Path, provider: str, kind: type[Said]
) -> None:
    path = tmp_path / "llmring.lock"
    shown, refused, bound, saved = advised(path, provider, kind)
    assert "Profile default:" in shown
    assert "did you mean 'openai:gpt-6-luna'" in refused
    assert f"quick is {LUNA}" in bound
    assert f"quick (profile default): none -> {LUNA}" in saved
    binding = load(path).profiles["default"].binding("quick")
    assert binding is not None
    assert binding.models == (LUNA,)
    assert path.read_text().startswith("# whose it is\n")


def test_the_prompt_names_all_tools(tmp_path: Path) -> None:
    names = {tool.name for tool in lockfile_tools(tmp_path / "llmring.lock")}
    assert {name for name in names if name not in ADVISOR_PROMPT} == set()
