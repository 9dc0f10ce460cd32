"""Keys: who makes them, whose they are, when they end, and what is kept of them."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llmring.conversations import open_database
from llmring.conversations.sql.api_keys import KeyRow, SQLKeys
from llmring.server.keys import CACHE_S, Keyring, new_key
from llmring.server.routes import keys as key_routes
from tests.llmring.server.servers import ADMIN_KEY, Client, request, running

pytestmark = pytest.mark.slow


def test_the_first_key_is_made_without_one_and_no_second(tmp_path: Path) -> None:
    with running(database=tmp_path / "a.sqlite") as server:
        nobody = Client(server.url)
        assert nobody.get("//health")["needs_first_key"] is True
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: nobody.ask("POST", "/keys", {}), range(8)))
        made = [answer.body for answer in answers if answer.status == 201]
        assert [made[0]["tenant"]] == ["local"] * len(made)
        assert {answer.code for answer in answers if answer.status != 201} == {"no_first_key"}
        assert Client(server.url, made[0]["key"]).get("/conversations") == []
        assert nobody.get("//health")["needs_first_key"] is False


@pytest.mark.parametrize("header", ["x-forwarded-for: 1.2.3.4", "Forwarded: for=1", "via: 1.1 x"])
def test_who_comes_through_a_proxy_makes_no_first_key(tmp_path: Path, header: str) -> None:
    with running(database=tmp_path / "a.sqlite") as server:
        sent = request("POST", "/api/v1/keys", "", b"{}", header)
        assert Client(server.url).raw(sent).startswith(b"HTTP/1.1 401 ")


def test_where_there_is_an_admin_nobody_else_makes_the_first_key(tmp_path: Path) -> None:
    with running(database=tmp_path / "a.sqlite", admin_key=ADMIN_KEY) as server:
        assert Client(server.url).ask("POST", "/keys", {}).status == 401
        made = Client(server.url, ADMIN_KEY).post("/keys", {"name": "x"})
        assert re.fullmatch("llmr_pk_[0-9a-f]{32}", made["key"])
        assert made["hint"] == made["key"][-4:]


def test_a_key_that_was_replaced_makes_no_others(ada: Client) -> None:
    ada.ask("POST", "/keys/rotate")
    assert ada.get("/conversations") == []
    assert ada.ask("POST", "/keys", {"name": "kept"}).code == "key_ending"


def test_a_tenant_makes_lists_and_revokes_its_own_keys(ada: Client, eve: Client) -> None:
    own = ada.get("/keys/current")
    made = ada.post("/keys", {"name": "second"})
    assert made["tenant"] == own["tenant"]
    assert [one["name"] for one in ada.get("/keys")] == ["second", own["name"]]
    assert "key" not in own
    assert eve.ask("DELETE", f"/keys/{made['id']}").code == "not_found"
    assert eve.ask("GET", "/keys", tenant=own["tenant"]).status == 403
    assert eve.ask("POST", "/keys", {"tenant": own["tenant"]}).status == 403
    assert made["id"] not in [one["id"] for one in eve.get("/keys")]
    second = Client(ada.url, made["key"])
    assert second.get("/conversations") == []
    assert ada.ask("DELETE", f"/keys/{made['id']}").status == 200
    assert second.ask("GET", "/conversations").code == "invalid_api_key"


def test_the_admin_has_all_keys_and_no_data(admin: Client, ada: Client) -> None:
    own = ada.get("/keys/current")
    assert own["id"] in [one["id"] for one in admin.get("/keys", tenant=own["tenant"])]
    assert admin.ask("GET", "/conversations").code == "no_tenant"
    assert admin.ask("POST", "/keys/rotate").code == "no_tenant"
    assert admin.ask("DELETE", f"/keys/{own['id']}").status == 200
    assert ada.ask("GET", "/conversations").status == 401


def test_a_replaced_key_is_good_for_a_while(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ada.ask("POST", "/keys/rotate")
    assert (made.status, made.body["name"]) == (201, "ada")
    assert Client(ada.url, made.body["key"]).get("/conversations") == []
    end = datetime.fromisoformat(ada.get("/keys/current")["revoked_at"]) - datetime.now(UTC)
    assert timedelta(seconds=290) < end <= timedelta(seconds=300)
    monkeypatch.setattr(key_routes, "ROTATION_GRACE_S", 0.0)
    ada.ask("POST", "/keys/rotate")
    assert ada.ask("GET", "/conversations").status == 401


def test_a_keys_last_use_is_noted(ada: Client) -> None:
    # It is written behind the answer; each further request gives it time.
    assert any(ada.get("/keys")[0]["last_used_at"] for _ in range(200))


@pytest.mark.parametrize(
    "header",
    ["authorization: Bearer {key}", "x-api-key: {key}", "Authorization: bearer   {key}"],
    ids=["bearer", "x-api-key", "spaces"],
)
def test_a_key_is_sent_in_either_header(ada: Client, header: str) -> None:
    sent = request("GET", "/api/v1/keys/current", "", b"", header.format(key=ada.key))
    assert ada.raw(sent).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "key",
    ["", "llmr_pk_", "llmr_pk_" + "0" * 32, "' OR 1=1 --", "llmr_pk_" + "0" * 31 + "\x00", "é" * 40,
     "a" * 60_000],
    ids=["none", "prefix", "unknown", "sql", "nul", "not ascii", "long"],
)  # fmt: skip
def test_what_is_no_key_opens_nothing(ada: Client, key: str) -> None:
    answer = ada.raw(request("GET", "/api/v1/conversations", key))
    assert answer[9:12] in (b"401", b"400")


def test_a_key_is_kept_as_its_digest_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with running(database=path) as server:
        key = Client(server.url).post("/keys", {})["key"]
        Client(server.url, key).get("/conversations")
    assert all(key.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    with sqlite3.connect(path) as file:
        ((digest,),) = file.execute("SELECT digest FROM llmring_api_keys")
    file.close()
    assert len(digest) == 32


def test_a_key_that_another_process_revokes_is_soon_refused(
    tmp_path: Path,
) -> None:
    seconds = [0.0]
    key, digest, hint = new_key()

    async def main() -> list[bool]:
        database = open_database(tmp_path / "a.sqlite")
        rows = SQLKeys(database)
        made = await rows.create("ada", "", digest, hint)
        ring = Keyring(rows, None, lambda: seconds[0])
        opens = []
        for moment in (0.0, CACHE_S - 0.1, CACHE_S + 0.1):
            seconds[0] = moment
            opens.append(await ring.caller(key.encode()) is not None)
            await SQLKeys(database).revoke(made.id, None)
        await database.close()
        return opens

    assert asyncio.run(main()) == [True, True, False]


def test_a_key_that_is_revoked_while_it_is_looked_for_is_not_remembered(tmp_path: Path) -> None:
    key, digest, hint = new_key()

    async def main() -> list[bool]:
        database = open_database(tmp_path / "a.sqlite")
        rows = SQLKeys(database)
        made = await rows.create("ada", "", digest, hint)
        ring = Keyring(rows, None)
        find = rows.find

        async def find_and_revoke(digest: bytes) -> KeyRow | None:
            found = await find(digest)
            await rows.revoke(made.id, None)
            ring.forget()
            return found

        rows.find = find_and_revoke  # type: ignore[method-assign] # in the middle of a look-up
        opens = [await ring.caller(key.encode()) is not None for _ in range(2)]
        await database.close()
        return opens

    assert asyncio.run(main()) == [True, False]


def test_no_key_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    options = {"database": tmp_path / "a.sqlite", "admin_key": ADMIN_KEY, "log_requests": True}
    with running(**options) as server:
        key = Client(server.url, ADMIN_KEY).post("/keys", {"name": "x"})["key"]
        client = Client(server.url, key)
        client.ask("GET", "/conversations/search", q="what I look for")
        client.ask("GET", f"/nothing/{'x' * 400}")
    text = caplog.text + capsys.readouterr().err
    assert "GET /api/v1/conversations/search 200" in caplog.text
    for secret in (key, ADMIN_KEY):
        assert secret not in text
    told = [one.getMessage() for one in caplog.records if one.name.startswith("llmring")]
    assert not any("look" in line for line in told)
