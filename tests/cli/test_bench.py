"""`bench`: what it measures, and how."""

from __future__ import annotations

import json

import pytest

from LLM.exceptions import LLMServerError
from local_llm_kit import LLMClient
from local_llm_kit.cli import bench_runs
from local_llm_kit.cli.bench_runs import Load, Spread, measure, prompt
from local_llm_kit.cli.pace import Pace
from tests.cli.support import run, terminal

QUICK = ("--runs", "1", "--prompt", "64", "--generate", "8")


def test_json_has_every_level() -> None:
    result = run("bench", *QUICK, "-c", "1", "-c", "3", "--json")
    found = json.loads(result.stdout)
    assert (found["model"], found["runs"], result.stderr) == ("tiny", 1, "")
    assert [level["callers"] for level in found["levels"]] == [1, 3]
    for level in found["levels"]:
        assert level["n_generated"] == 8
        assert 32 < level["n_prompt"] < 96
        for name in ("prompt_per_s", "generated_per_s", "first_s"):
            assert 0 < level[name]["least"] <= level[name]["median"] <= level[name]["most"]


def test_a_table_has_a_line_for_each_level() -> None:
    lines = run("bench", *QUICK, "-c", "1", "-c", "2").stdout.splitlines()
    assert lines[0].startswith("tiny at ")
    assert "resident" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["callers", "1", "2"]
    assert len({len(line) for line in lines[1:]}) == 1


def test_a_server_is_measured(local_server_url: str) -> None:
    found = json.loads(run("bench", *QUICK, "-c", "2", "--url", local_server_url, "--json").stdout)
    assert (found["url"], found["resident_bytes"]) == (local_server_url, None)
    assert found["levels"][0]["generated_per_s"]["median"] > 0


def test_what_does_not_fit_the_window_is_told() -> None:
    result = run("bench", "--prompt", "4096")
    assert result.exit_code == 1
    assert "--prompt 4096 and --generate 64 do not fit the model's window of 2048" in result.stderr


def test_at_a_terminal_the_runs_are_counted() -> None:
    with terminal("bench", *QUICK, "-c", "1") as screen:
        assert "measuring" in screen.wait_for("callers")
        assert screen.exit_code() == 0


def test_no_two_prompts_begin_alike() -> None:
    assert len({prompt(4).split()[0] for _ in range(100)}) == 100


def test_forbidden_ends_let_an_answer_go_on_to_its_limit() -> None:
    with LLMClient("tiny") as client:
        bias = dict.fromkeys(client.info.end_tokens, -100)
        messages = [{"role": "user", "content": "Hello!"}]
        answer = client.chat.completions.create(messages=messages, logit_bias=bias, max_tokens=100)
    assert bias
    assert answer.usage.completion_tokens == 100


class Paced:
    """Streams that take scripted times: seconds to the first piece and to the last, tokens."""

    def __init__(self, *paces: tuple[float | None, float, int | None]) -> None:
        self.paces = [
            Pace(first_s=first, last_s=last, n_tokens=n, n_prompt=10, n_cached=2)
            for first, last, n in paces
        ]


def measured(monkeypatch: pytest.MonkeyPatch, *runs: list[Pace]) -> bench_runs.Level:
    scripted = iter(runs)
    monkeypatch.setattr(bench_runs, "_run", lambda *_: next(scripted))
    counted: list[None] = []
    callers = len(runs[0])
    level = measure(object(), Load(1, {}), callers, len(runs) - 1, lambda: counted.append(None))
    assert len(counted) == len(runs)
    return level


def test_the_warm_up_is_thrown_away_and_medians_count(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = Paced((9, 99, 3)).paces
    runs = [Paced((first, first + 2, 21)).paces for first in (1, 4, 2)]
    level = measured(monkeypatch, warm, *runs)
    assert level.first_s == Spread(2, 1, 4)
    assert level.prompt_per_s == Spread(4, 2, 8)
    assert level.generated_per_s == Spread(10, 10, 10)
    assert (level.n_prompt, level.n_generated) == (8, 21)


def test_callers_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Paced((1, 5, 11), (2, 6, 11)).paces
    level = measured(monkeypatch, both, both)
    assert level.prompt_per_s.median == 16 / 2
    assert level.generated_per_s.median == 20 / 5


@pytest.mark.parametrize(
    ("pace", "reason"),
    [
        ((1, 2, None), "no token counts"),
        ((None, 0, 5), "no text"),
        ((1, 1, 5), "came in one piece"),
    ],
    ids=["uncounted", "silent", "whole"],
)
def test_what_cannot_be_measured_is_told(
    monkeypatch: pytest.MonkeyPatch, pace: tuple[float | None, float, int | None], reason: str
) -> None:
    paces = Paced(pace).paces
    with pytest.raises(LLMServerError, match=reason):
        measured(monkeypatch, paces, paces)
