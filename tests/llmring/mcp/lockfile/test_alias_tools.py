"""The tools that change the lockfile: in memory until it is saved, and nothing but it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cloud.llm.json_schemas.check import check_schema
from llmring.exceptions import LockfileError, ToolError
from llmring.mcp.server.lockfile import LockfileDraft
from tests.llmring.cli.support import put_package
from tests.llmring.mcp.lockfile.workbench import LOCKFILE, LUNA, TINY, Workbench

NAMES = [
    "add_alias", "remove_alias", "list_aliases", "assess_model", "analyze_costs", "save_lockfile",
    "get_configuration", "get_available_providers", "list_models", "filter_models_by_requirements",
    "get_model_details",
]  # fmt: skip


def test_there_are_eleven_tools(bench: Workbench) -> None:
    assert list(bench.tools) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_tool_says_what_it_takes(bench: Workbench, name: str) -> None:
    tool = bench.tools[name]
    check_schema(tool.parameters)
    assert tool.parameters["additionalProperties"] is False
    assert tool.description.endswith(".")
    assert all(one["description"] for one in tool.parameters["properties"].values())


def test_a_change_stays_in_memory_until_it_is_saved(bench: Workbench) -> None:
    told = bench.says("add_alias", alias="mine", models=f"{LUNA}, {TINY}")
    assert told.startswith(f"mine is {LUNA}, {TINY} in profile default.")
    assert "Not saved yet" in told
    assert bench.path.read_text() == LOCKFILE
    assert bench.gives("list_aliases")["aliases"]["mine"] == [LUNA, TINY]
    bench.call("save_lockfile")
    assert bench.bound("mine") == (LUNA, TINY)


def test_saving_tells_what_has_changed_and_keeps_comments(bench: Workbench) -> None:
    bench.call("add_alias", alias="fast", models=TINY)
    bench.call("remove_alias", alias="deep")
    told = bench.says("save_lockfile")
    assert told.splitlines() == [
        f"Saved {bench.path}:",
        f"fast (profile default): {LUNA}, {TINY} -> {TINY}",
        "deep (profile default): anthropic:claude-opus-5-5 -> none",
    ]
    assert bench.path.read_text().startswith("# whose it is\n")
    assert "# the quick one" in bench.path.read_text()
    assert bench.says("save_lockfile").startswith("Nothing to save")


def test_a_preview_writes_nothing(bench: Workbench) -> None:
    bench.call("add_alias", alias="mine", models=TINY)
    assert f"mine (profile default): none -> {TINY}" in bench.says("save_lockfile", preview=True)
    assert bench.path.read_text() == LOCKFILE


def test_nothing_but_the_lockfile_is_written(bench: Workbench) -> None:
    bench.call("add_alias", alias="mine", models=TINY)
    bench.call("save_lockfile")
    assert [one.name for one in bench.path.parent.iterdir()] == ["llmring.lock"]


def test_what_others_write_meanwhile_is_kept(bench: Workbench) -> None:
    bench.call("add_alias", alias="mine", models=TINY)
    bench.path.write_text(LOCKFILE.replace("anthropic:claude-opus-5-5", "ollama:qwen3"))
    assert bench.gives("save_lockfile")["changes"] == [
        {"profile": "default", "alias": "mine", "before": None, "after": [TINY]}
    ]
    assert bench.bound("deep") == ("ollama:qwen3",)


def test_a_change_taken_back_is_none(bench: Workbench) -> None:
    bench.call("add_alias", alias="mine", models=TINY)
    bench.call("remove_alias", alias="mine")
    assert bench.says("save_lockfile").startswith("Nothing to save")
    assert bench.path.read_text() == LOCKFILE


def test_a_lockfile_that_is_not_there_is_made(tmp_path: Path) -> None:
    bench = Workbench(tmp_path / "llmring.lock", None)
    assert "(not made yet)" in bench.says("get_configuration")
    bench.call("add_alias", alias="mine", models=TINY)
    assert not bench.path.exists()
    assert bench.says("save_lockfile").startswith(f"Made {bench.path}, with the usual aliases and")
    assert bench.bound("mine") == (TINY,)
    assert bench.bound("fast")


def test_a_profile_is_made_where_it_is_missing(bench: Workbench) -> None:
    bench.call("add_alias", alias="fast", models=TINY, profile="test")
    bench.call("save_lockfile")
    assert bench.bound("fast", "test") == (TINY,)


def test_the_profile_in_use_is_meant_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMRING_PROFILE", "dev")
    assert "assistant" in Workbench(tmp_path / "one.lock").says("list_aliases")
    assert "fast" in Workbench(tmp_path / "two.lock", profile="default").says("list_aliases")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"models": "gpt-5.5"}, "is not provider:model; did you mean 'openai:gpt-5.5'?"),
        ({"models": "openai:gpt-55"}, "the registry lists no model 'openai:gpt-55'; did you mean"),
        ({"models": "openai:gpt-55"}, "call again with allow_unlisted true"),
        ({"models": "opena:gpt-5.5"}, "did you mean 'openai'?"),
        ({"models": " , "}, "models is empty"),
        ({"models": TINY, "alias": "my alias"}, "cannot be an alias"),
        ({"models": TINY, "alias": "openai:x"}, "starts with the name of a provider"),
        ({"models": TINY, "profile": "a b"}, "profile must be a name"),
    ],
)
def test_what_cannot_be_bound_is_told(
    bench: Workbench, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ToolError) as caught:
        bench.call("add_alias", **{"alias": "mine", **arguments})
    assert problem in caught.value.message
    assert bench.gives("get_configuration")["not_saved"] == []


def test_a_model_that_is_not_listed_is_bound_where_the_user_insists(bench: Workbench) -> None:
    bench.call("add_alias", alias="mine", models="openai:gpt-99", allow_unlisted=True)
    bench.call("save_lockfile")
    assert bench.bound("mine") == ("openai:gpt-99",)


def test_a_model_of_the_lockfiles_own_provider_is_bound(tmp_path: Path) -> None:
    text = LOCKFILE + '\n[providers.lab]\nbase_url = "https://lab.invalid/v1"\n'
    bench = Workbench(tmp_path / "llmring.lock", text)
    bench.call("add_alias", alias="mine", models="lab:own-7b")
    assert "lab:own-7b | not in the registry" in bench.says("assess_model", model_ref="mine")


def test_removing_what_is_not_there_is_told(bench: Workbench) -> None:
    with pytest.raises(ToolError, match=r"has no alias 'fsat'.*did you mean 'fast'"):
        bench.call("remove_alias", alias="fsat")
    with pytest.raises(ToolError, match=r"unknown profile 'dve'.*did you mean 'dev'"):
        bench.call("remove_alias", alias="fast", profile="dve")


def test_a_packages_aliases_are_shown_and_never_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = put_package(tmp_path / "site")
    monkeypatch.syspath_prepend(str(site))
    theirs = (site / "lib_a" / "llmring.lock").read_bytes()
    text = LOCKFILE + '\n[extends]\npackages = ["lib-a"]\n'
    bench = Workbench(tmp_path / "llmring.lock", text)
    assert f"lib-a:fast: {LUNA}, {TINY}  (of a package; read only)" in bench.says("list_aliases")
    with pytest.raises(ToolError, match="whose lockfile is not changed; add_alias with the same"):
        bench.call("remove_alias", alias="lib-a:fast")
    bench.call("add_alias", alias="lib-a:fast", models=TINY)
    bench.call("save_lockfile")
    assert bench.bound("lib-a:fast") == (TINY,)
    assert (site / "lib_a" / "llmring.lock").read_bytes() == theirs


def test_the_whole_configuration_is_shown(bench: Workbench) -> None:
    bench.call("add_alias", alias="mine", models=TINY)
    told, given = bench.says("get_configuration"), bench.gives("get_configuration")
    assert f"  fast: {LUNA}, {TINY}\n" in told
    assert told.endswith(f"Not saved yet:\n  mine (profile default): none -> {TINY}")
    assert list(given["profiles"]) == ["default", "dev"]
    assert json.loads(json.dumps(given)) == given


def test_a_broken_lockfile_is_an_error_for_the_model(bench: Workbench) -> None:
    bench.path.write_text("version = ")
    with pytest.raises(ToolError, match=r"llmring\.lock"):
        bench.call("list_aliases")


def test_a_lockfile_that_cannot_be_written_keeps_the_changes(bench: Workbench) -> None:
    bench.call("add_alias", alias="mine", models=TINY)
    away = bench.path.parent.rename(bench.path.parent.with_name("away"))
    with pytest.raises(ToolError, match="cannot be written"):
        bench.call("save_lockfile")
    away.rename(bench.path.parent)
    assert bench.says("save_lockfile").startswith("Saved")


def test_a_draft_refuses_a_profile_that_cannot_be_one(tmp_path: Path) -> None:
    with pytest.raises(LockfileError, match="profile must be a name"):
        LockfileDraft(tmp_path / "llmring.lock", "a b")
