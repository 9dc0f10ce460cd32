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

pytestmark = pytest.mark.slow

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


def pace(first_s: float | None, end_s: float, n_tokens: int | None) -> Pace:
    """A stream of scripted times: seconds to the first piece, and to the last and the end."""
    pace = Pace(first_s=first_s, last_s=end_s, end_s=end_s, n_tokens=n_tokens)
    pace.n_prompt, pace.n_cached = 10, 2
    return pace


def measured(
    monkeypatch: pytest.MonkeyPatch, reading: list[list[Pace]], writing: list[list[Pace]]
) -> bench_runs.Level:
    """A level of scripted runs, the first of each kind the warm-up."""
    scripted = iter([*reading, *writing])
    monkeypatch.setattr(bench_runs, "_run", lambda *_: next(scripted))
    counted: list[None] = []
    callers = len(reading[0])
    load = Load(n_words=1, n_generated=1, arguments={})
    level = measure(object(), load, callers, len(reading) - 1, lambda: counted.append(None))
    assert len(counted) == len(reading) + len(writing)
    return level


def test_the_warm_up_is_thrown_away_and_medians_count(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = [[pace(s, s, 1)] for s in (99, 1, 4, 2)]
    writing = [[pace(1, 1 + s, 21)] for s in (99, 2, 4, 1)]
    level = measured(monkeypatch, reading, writing)
    assert level.first_s == Spread(2, 1, 4)
    assert level.prompt_per_s == Spread(4, 2, 8)
    assert level.generated_per_s == Spread(10, 5, 20)
    assert (level.n_prompt, level.n_generated) == (8, 21)


def test_callers_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = [pace(1, 1, 1), pace(2, 2, 1)], [pace(1, 5, 11), pace(2, 6, 11)]
    level = measured(monkeypatch, [reading] * 2, [writing] * 2)
    assert level.prompt_per_s.median == 16 / 2
    assert level.generated_per_s.median == 20 / 5


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (pace(1, 2, None), "no token counts"),
        (pace(None, 0, 5), "in one piece or none"),
        (pace(1, 1, 5), "in one piece or none"),
    ],
    ids=["uncounted", "silent", "whole"],
)
def test_what_cannot_be_measured_is_told(
    monkeypatch: pytest.MonkeyPatch, written: Pace, reason: str
) -> None:
    with pytest.raises(LLMServerError, match=reason):
        measured(monkeypatch, [[pace(1, 1, 1)]] * 2, [[written]] * 2)
