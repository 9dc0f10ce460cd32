"""Templates, MCP servers and what they offer, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.llmring.server.servers import Client

pytestmark = pytest.mark.slow

TEMPLATE = {"name": "Tutor", "system_prompt": "Explain.", "temperature": 0.5, "metadata": {"a": 1}}
SERVER = {"name": "files", "url": "stdio://server --root x", "transport_type": "stdio"}


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/templates", TEMPLATE), ("/mcp/servers", SERVER)],
    ids=["templates", "servers"],
)
def test_records_are_kept_changed_and_deleted(
    ada: Client, eve: Client, path: str, fields: dict[str, Any]
) -> None:
    made = ada.post(path, fields)
    assert made.items() >= fields.items()
    one = f"{path}/{made['id']}"
    assert ada.get(one) == made
    changed = ada.ask("PATCH", one, {"name": "a\ud800\x00"}).body
    assert changed["name"] == "a\ud800\x00"
    assert changed["updated_at"] > made["updated_at"]
    assert ada.get(path) == [changed]
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("PUT", {}), ("DELETE", None)):
        assert eve.ask(method, one, body).code == "not_found"
    assert eve.get(path) == []
    assert ada.ask("DELETE", one).body["deleted"] is True
    assert ada.ask("DELETE", one).status == ada.ask("PATCH", one, {"name": "x"}).status == 404


@pytest.mark.parametrize("changes", [{"name": None}, {"temperature": 3}, {"id": str(uuid4())}])
def test_a_record_is_changed_into_what_one_can_be(ada: Client, changes: dict[str, Any]) -> None:
    made = ada.post("/templates", TEMPLATE)
    answer = ada.ask("PATCH", f"/templates/{made['id']}", changes)
    assert (answer.status, answer.body["error"]["param"]) == (400, next(iter(changes)))
    assert ada.get(f"/templates/{made['id']}") == made


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "https://user:password@host/mcp"},
        {"url": "file:///etc/passwd"},
        {"url": "https://host/\nx"},
        {"auth_config": {"token": "secret"}},
    ],
    ids=["password", "scheme", "line break", "credentials"],
)
def test_a_server_is_kept_without_credentials(ada: Client, fields: dict[str, Any]) -> None:
    answer = ada.ask("POST", "/mcp/servers", {**SERVER, **fields})
    assert (answer.status, answer.body["error"]["param"]) == (400, next(iter(fields)))
    assert "secret" not in str(answer.body)
    assert "password@" not in str(answer.body)


def test_what_a_server_offers_is_replaced_as_a_whole(ada: Client, eve: Client) -> None:
    made = ada.post("/mcp/servers", SERVER)
    refresh = f"/mcp/servers/{made['id']}/refresh"
    tools = [{"name": "read", "description": "Reads.", "inputSchema": {}}, {"name": "list"}]
    offer = {"tools": tools, "resources": [{"uri": "file:///x"}], "prompts": []}
    assert ada.post(refresh, offer) == {"tools": 2, "resources": 1, "prompts": 0}
    found = ada.get("/mcp/tools", server_id=made["id"], is_active=True)
    assert [one["definition"] for one in found] == tools
    assert ada.get(f"/mcp/tools/{found[0]['id']}") == found[0]
    assert ada.get("/mcp/resources")[0]["name"] == "file:///x"
    assert eve.get("/mcp/tools") == []
    assert eve.ask("GET", f"/mcp/tools/{found[0]['id']}").code == "not_found"
    assert eve.ask("POST", refresh, {}).code == "not_found"
    ada.ask("PUT", f"/mcp/servers/{made['id']}", {"is_active": False})
    assert ada.get("/mcp/tools", is_active=True) == []
    ada.post(refresh, {"tools": tools[1:]})
    assert [one["name"] for one in ada.get("/mcp/tools")] == ["list"]
    assert ada.get("/mcp/resources") == []
    ada.ask("DELETE", f"/mcp/servers/{made['id']}")
    assert ada.get("/mcp/tools") == []


def test_a_tool_needs_a_name(ada: Client) -> None:
    made = ada.post("/mcp/servers", SERVER)
    offer = {"tools": [{"name": "x"}, {"description": "y"}]}
    answer = ada.ask("POST", f"/mcp/servers/{made['id']}/refresh", offer)
    assert (answer.status, answer.body["error"]["param"]) == (400, "tools.1.name")
