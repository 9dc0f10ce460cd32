"""The samples that keep conversations at a server run as they stand, at a real one."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from llmring import ConversationManager, LLMRingExtended, LLMRingSession
from llmring.conversations.remote.address import RemoteAddress
from llmring.conversations.store_address import StoreAddress
from tests.llmring.seeds.world import GUIDE, REFERENCE, World, run
from tests.llmring.server.servers import Client, running

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
#: What the reference's samples name, and the guide's.
THEIRS, STACK = "https://api.llmring.ai", "http://localhost:9100"
QUICKSTART, INSPECT = "Self-Hosted Quickstart", "Inspect Usage Data"
CLASS, CLASS_EXAMPLE = "LLMRingExtended", "LLMRingExtended: Example"
MANAGER, MANAGER_EXAMPLE = "ConversationManager", "ConversationManager: Example"
RUN = {QUICKSTART, INSPECT}
REFERENCE_RUN = {CLASS, CLASS_EXAMPLE, MANAGER, MANAGER_EXAMPLE}


@pytest.fixture
def tenant(
    world: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """A tenant of a server that stands where the samples' address points to."""
    monkeypatch.setenv("LLMRING_LOG_METADATA", "1")
    where = tmp_path_factory.mktemp("server") / "server.sqlite"
    with running(database=str(where)) as server:
        key = Client(server.url).post("/keys", {})["key"]
        read = RemoteAddress.read

        def mapped(environ: Mapping[str, str], url: str | None, api_key: str | None) -> Any:
            return read({}, server.url, key) if url == THEIRS else read(environ, url, api_key)

        monkeypatch.setattr(RemoteAddress, "read", mapped)
        yield Client(server.url, key)


def said(tenant: Client) -> list[Any]:
    """What the server has of its only conversation."""
    (conversation,) = tenant.get("/conversations")
    messages = tenant.get(f"/conversations/{conversation['id']}/messages")
    return [conversation["title"], *((one["role"], one["content"]) for one in messages)]


def test_the_class_is_at_its_server(tenant: Client) -> None:
    service = run(REFERENCE[CLASS]).service
    assert isinstance(service, LLMRingExtended)
    assert (service.origin, service.message_logging_level) == ("myapp", "full")
    assert f"RemoteStore('{tenant.url}')" == repr(service.store)
    asyncio.run(service.close())


def test_a_conversation_is_kept_at_the_server(
    tenant: Client, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run(REFERENCE[CLASS_EXAMPLE])
    assert said(tenant) == ["Customer Support Chat", ("user", "Hello!"), ("assistant", "Hello!")]
    assert capsys.readouterr().out == "Messages in conversation: 2\n"
    assert "You are a helpful support assistant" in str(world.body())
    assert tenant.get("/stats")["summary"]["calls"] == 1


def test_a_manager_is_made(tenant: Client) -> None:
    variables = run(REFERENCE[MANAGER])
    assert isinstance(variables.manager, ConversationManager)
    asyncio.run(variables.service.close())


def test_a_manager_talks_on(tenant: Client, capsys: pytest.CaptureFixture[str]) -> None:
    variables = run(REFERENCE[MANAGER_EXAMPLE])
    # A module's functions see its names; here they are the sample's own.
    variables.chat_session.__globals__.update(variables)

    async def main() -> None:
        await variables.chat_session()
        await close_all_cloud_clients()

    asyncio.run(main())
    assert capsys.readouterr().out == "Hello!\nHello!\nConversation has 5 messages\n"
    assert said(tenant) == [
        "Code Review", ("user", "Review this code..."), ("assistant", "Hello!"),
        ("user", "What about performance?"), ("assistant", "Hello!"),
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("bash") is None, reason="the guide's shell is bash")
def test_the_quickstart_leads_to_what_was_used(world: World, tmp_path: Path) -> None:
    """In a shell of its own, one sample after the other; `make` is told to do nothing."""
    programs = tmp_path / "bin"
    for folder in (programs, tmp_path / "llmring", tmp_path / "llmring-server"):
        folder.mkdir()
    for name, line in {"llmring": f'{sys.executable} -m llmring "$@"', "make": "true"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    with running(database=str(tmp_path / "server.sqlite")) as server:
        setup = GUIDE[QUICKSTART].code.replace(STACK, server.url)
        call = "llmring chat Hello --model openai:gpt-6-luna"
        inspect = GUIDE[INSPECT].code.replace("<uuid>", "$1")
        keep = f"{sys.executable} keep.py"
        (tmp_path / "llmring" / "keep.py").write_text(_KEEP)
        script = f"set -e\n{setup}\n{call}\nset -- $({keep})\n{inspect}\n"
        environ = {
            **os.environ, "LLMRING_LOG_METADATA": "1", "PYTHONPATH": str(ROOT),
            "PATH": f"{programs}:{os.environ['PATH']}"
        }  # fmt: skip
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path / "llmring", env=environ,
                              capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    for text in ('"calls": 0', '"calls": 1', '"model": "gpt-6-luna"', "Boats", "It is red."):
        assert text in done.stdout
    assert (tmp_path / "llmring" / ".env.llmring").stat().st_mode & 0o777 == 0o600


#: Keeps a conversation at the server that the environment names, and writes its id.
_KEEP = """
import asyncio
from llmring import LLMRingSession, Message
from llmring.conversations import NewMessage

async def main():
    async with LLMRingSession() as service:
        made = await service.create_conversation("Boats")
        await service.store.append(made, [NewMessage(role="user", content="It is red.")])
        print(made)

asyncio.run(main())
"""


def test_the_environments_server_is_that_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMRING_SERVER_URL", "http://127.0.0.1:9")
    session = LLMRingSession(log_metadata=False)
    assert repr(session.store) == "RemoteStore('http://127.0.0.1:9')"
    here = LLMRingSession(store="kept.sqlite", log_metadata=False)
    assert here._store_address.server is None
    assert isinstance(StoreAddress.read({}, "http://127.0.0.1:9").server, RemoteAddress)
