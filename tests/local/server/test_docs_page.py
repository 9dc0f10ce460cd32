"""The server's page says what there is: routes, metrics, limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route

from local_llm_kit import arguments, messages
from local_llm_kit.schemas import vet
from local_llm_kit.server import LocalServer, body, connection, page
from local_llm_kit.server.options import GRACE_S
from local_llm_kit.server.tokens.arguments import MAX_CONTENT_CHARS
from tests.local.http import ask

PAGE = (Path(__file__).parents[3] / "docs" / "server.md").read_text("utf-8")


def routes_of(server: LocalServer) -> set[str]:
    app: Any = server._server.config.app
    found: list[Route] = [one for one in app._app.routes if isinstance(one, Route)]
    files = {route.path for route in page.routes()} - {"/"}
    return {
        f"{method} {route.path}"
        for route in found
        for method in (route.methods or set()) - {"HEAD"}
        if route.path not in files and "Refusal" not in repr(route.endpoint.__dict__)
    }


def test_every_route_is_told_and_no_other(server: LocalServer) -> None:
    told = set(re.findall(r"`((?:GET|POST|DELETE) /[^`]*)`", PAGE))
    assert told == routes_of(server)


def test_every_metric_is_told_and_no_other(server: LocalServer) -> None:
    ask(server.url, "/v1/completions", {"prompt": "One,"})
    families = text_string_to_metric_families(ask(server.url, "/metrics").body.decode())
    names = {one.name + ("_total" if one.type == "counter" else "") for one in families}
    table = PAGE.partition("## Metrics")[2].partition("```")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    told = {f"local_llm_kit_{name}" for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == names


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("8 MiB", f"{body.MAX_BODY_BYTES >> 20} MiB"),
        ("uncompressed, within 30 s", f"uncompressed, within {body.BODY_TIMEOUT_S:g} s"),
        ("64 KiB, within 15 s",
         f"{connection.MAX_HEADER_BYTES >> 10} KiB, within {connection.HEADER_TIMEOUT_S:g} s"),
        ("was refused | 2 s", f"was refused | {connection.LINGER_S:g} s"),
        ("its stream | 30 s", f"its stream | {connection.WRITE_TIMEOUT_S:g} s"),
        ("800, then", f"{connection.MAX_CONNECTIONS}, then"),
        ("| 4,096, 128,", f"| {messages.MAX_MESSAGES:,}, {messages.MAX_TOOLS},"),
        ("128, 8, 64 |", f"128, {arguments.MAX_CHOICES}, {arguments.MAX_PROMPTS} |"),
        ("4 of 1,000 characters",
         f"{arguments.MAX_STOPS} of {arguments.MAX_STOP_CHARS:,} characters"),
        ("characters, 1,024, 20",
         f"characters, {arguments.MAX_BIASES:,}, {arguments.MAX_LOGPROBS}"),
        ("64 KiB, 32 levels", f"{vet.MAX_SCHEMA_BYTES >> 10} KiB, {vet.MAX_DEPTH} levels"),
        ("1,048,576 characters", f"{MAX_CONTENT_CHARS:,} characters"),
        ("`--grace` (10 s)", f"`--grace` ({GRACE_S:g} s)"),
    ],
    ids=lambda one: one[:30],
)  # fmt: skip
def test_limits_are_as_told(said: str, value: str) -> None:
    assert said == value
    assert said in PAGE
