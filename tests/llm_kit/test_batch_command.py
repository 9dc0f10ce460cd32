"""`llm-kit batch`, with the bundled model and with a server: every option, and every way to end."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.llm_kit.support import line, read, read_csv, report, run, serving, write

pytestmark = pytest.mark.slow

LOCAL = ("--local", "tiny")


def ids(path: Path) -> list[str]:
    return [one["custom_id"] for one in read(path)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of five requests."""
    return write(tmp_path / "in.jsonl", *(line(f"r{i}", seed=i) for i in range(5)))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def test_a_file_is_answered_by_a_model_in_this_process(source: Path, out: Path) -> None:
    done = run(source, out, *LOCAL)
    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(ids(out)) == ["r0", "r1", "r2", "r3", "r4"]
    assert "answered  5\n" in done.stdout


def test_a_file_is_answered_by_a_server(source: Path, out: Path) -> None:
    with serving() as server:
        done = run(source, out, "--base-url", server.url)
    assert done.exit_code == 0
    assert {one["response"]["body"]["object"] for one in read(out)} == {"chat.completion"}
    assert {request.path for request in server.requests} == {"/v1/chat/completions"}


def test_the_environment_names_the_server_and_its_key(source: Path, out: Path) -> None:
    with serving() as server:
        done = run(source, out, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-mine")
    assert done.exit_code == 0
    assert server.requests[0].headers["authorization"] == "Bearer sk-mine"


def test_a_key_does_not_go_to_another_address(source: Path, out: Path) -> None:
    with serving() as server:
        done = run(source, out, "--base-url", server.url, OPENAI_API_KEY="sk-mine")
    assert "authorization" not in server.requests[0].headers
    assert f"OPENAI_API_KEY is not sent to {server.url}" in done.stderr
    assert "sk-mine" not in done.output


def test_the_same_command_goes_on(source: Path, out: Path) -> None:
    with serving() as server:
        run(source, out, "--base-url", server.url, "--limit", "2")
        assert len(server.requests) == 2
        done = run(source, out, "--base-url", server.url, "--json")
    assert len(server.requests) == 5
    assert (report(done)["n_resumed"], report(done)["n_answered"]) == (2, 5)


def test_failures_have_a_file_and_an_exit_code(tmp_path: Path, out: Path) -> None:
    bad = line("b", messages=[{"role": "user", "content": "bad"}])
    source = write(tmp_path / "in.jsonl", line("a"), bad)
    with serving() as server:
        done = run(source, out, "--base-url", server.url)
    assert (done.exit_code, ids(out), ids(tmp_path / "out.errors.jsonl")) == (1, ["a"], ["b"])
    assert done.stderr == (
        f"1 of 2 requests failed (1 × InvalidRequestError); see '{tmp_path}/out.errors.jsonl', and "
        "ask them again with --retry-errors\n"
    )


def test_failures_are_asked_again_when_that_is_wanted(tmp_path: Path, out: Path) -> None:
    bad = line("b", messages=[{"role": "user", "content": "bad"}])
    source = write(tmp_path / "in.jsonl", bad)
    errors = tmp_path / "failed.jsonl"
    with serving() as server:
        common = (source, out, "--base-url", server.url, "--errors", errors)
        assert [run(*common).exit_code for _ in range(2)] == [1, 1]
        assert (len(server.requests), ids(errors)) == (1, ["b"])
        assert run(*common, "--retry-errors").exit_code == 1
    assert (len(server.requests), ids(errors)) == (2, ["b"])


def test_a_table_takes_no_errors_file(source: Path, tmp_path: Path) -> None:
    done = run(source, tmp_path / "out.csv", *LOCAL, "--errors", tmp_path / "failed.jsonl")
    assert done.exit_code != 0
    assert "have failures among the answers" in done.stderr


def test_a_job_costs_no_more_than_it_may(source: Path, out: Path) -> None:
    with serving() as server:
        common = (source, out, "--base-url", server.url, "--provider", "openai")
        bounded = (*common, "--model", "gpt-4o-mini", "--override-model", "--concurrency", "1")
        # An answer costs $0.00021: the server tells more tokens than prompts seem to have.
        done = run(*bounded, "--max-cost", "0.0004")
        assert (done.exit_code, len(server.requests), len(ids(out))) == (1, 2, 2)
        assert "--max-cost is $0.0004: $0.00042 is spent" in done.stderr
        assert run(*bounded).exit_code == 0
    assert len(ids(out)) == 5


def test_a_bound_on_cost_needs_prices(source: Path, out: Path) -> None:
    done = run(source, out, "--base-url", "http://127.0.0.1:9", "--max-cost", "1")
    assert done.exit_code == 1
    assert "no prices are known of http://127.0.0.1:9" in done.stderr


def test_order_is_kept(source: Path, out: Path) -> None:
    assert run(source, out, *LOCAL, "--order").exit_code == 0
    assert ids(out) == ["r0", "r1", "r2", "r3", "r4"]


def test_equal_requests_are_sent_once(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "in.jsonl", *(line(f"r{i}") for i in range(4)))
    with serving() as server:
        done = run(source, out, "--base-url", server.url, "--dedupe", "--json")
    assert len(server.requests) == 1
    assert (report(done)["n_answered"], report(done)["n_shared"]) == (4, 3)


def test_a_cache_answers_the_next_job(source: Path, tmp_path: Path) -> None:
    with serving() as server:
        for name in ("a.jsonl", "b.jsonl"):
            options = ("--base-url", server.url, "--cache", tmp_path / "cache")
            assert run(source, tmp_path / name, *options).exit_code == 0
    assert len(server.requests) == 5
    assert len(read(tmp_path / "b.jsonl")) == 5


def test_a_dry_run_counts_with_the_models_tokenizer(source: Path, tmp_path: Path) -> None:
    done = run(source, *LOCAL, "--dry-run", "--json")
    estimate = report(done)["estimate"]
    ran = report(run(source, tmp_path / "out.jsonl", *LOCAL, "--json"))
    assert estimate["is_exact"]
    assert estimate["prompt_tokens"] == ran["prompt_tokens"]
    assert estimate["max_completion_tokens"] == 15


def test_a_dry_run_of_a_provider_tells_the_cost_and_needs_no_key(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", line("a", model="gpt-4o-mini"))
    estimates = [
        report(run(source, "--provider", "openai", "--engine", engine, "--dry-run", "--json"))
        for engine in ("threads", "provider")
    ]
    costs = [one["estimate"]["max_cost"] for one in estimates]
    assert costs[0] > 0
    assert costs[1] == pytest.approx(costs[0] / 2)


def test_a_provider_before_an_address_prices_its_answers(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "in.jsonl", line("a", model="gpt-4o-mini"))
    with serving() as server:
        done = run(source, out, "--provider", "openai", "--base-url", server.url, "--json")
    assert report(done)["cost"] == pytest.approx(0.00021)


def test_a_model_without_a_price_is_told(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "in.jsonl", line("a", model="mine"), line("b", model="mine"))
    with serving() as server:
        done = run(source, out, "--provider", "openai", "--base-url", server.url)
    assert done.stderr == "no price is known for 'mine', so the cost cannot be told\n"


def test_requests_without_a_model_ask_the_one_given(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "in.jsonl", line("a", model=None), line("b", model="own"))
    with serving() as server:
        assert run(source, out, "--base-url", server.url, "--model", "mine").exit_code == 0
    asked = {json.loads(body)["model"] for body in server.bodies}
    assert asked == {"mine", "own"}


def test_every_request_can_be_made_to_ask_one_model(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "in.jsonl", line("a", model="gpt-4o"), line("b", model=None))
    with serving() as server:
        options = ("--base-url", server.url, "--model", "mine", "--override-model")
        assert run(source, out, *options).exit_code == 0
    assert {json.loads(body)["model"] for body in server.bodies} == {"mine"}


def test_a_file_for_another_model_can_ask_the_local_one(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "in.jsonl", line("a", model="gpt-4o"))
    assert run(source, out, *LOCAL).exit_code == 1
    assert run(source, tmp_path / "second.jsonl", *LOCAL, "--override-model").exit_code == 0


def test_how_many_are_asked_at_a_time_is_a_limit(source: Path, out: Path) -> None:
    with serving() as server:
        assert run(source, out, "--base-url", server.url, "--concurrency", "1").exit_code == 0
    assert server.connections == 1


def test_retries_can_be_left_out(source: Path, out: Path) -> None:
    from tests.llm_kit.support import http

    with serving(http(500, {"error": {"message": "down"}})) as server:
        done = run(source, out, "--base-url", server.url, "--max-retries", "0", "--limit", "1")
    assert (done.exit_code, len(server.requests)) == (1, 1)


def test_a_try_takes_as_long_as_it_may(source: Path, out: Path) -> None:
    from tests.remote.scripted_server import hang

    with serving([hang]) as server:
        options = ("--base-url", server.url, "--timeout", "200ms", "--max-retries", "0")
        done = run(source, out, *options, "--limit", "1")
    assert done.exit_code == 1
    (failed,) = read(out.with_name("out.errors.jsonl"))
    assert failed["error"]["type"] == "LLMTimeoutError"


def test_limits_a_minute_are_the_clients(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[object, object]] = []
    monkeypatch.setattr("LLM.preparation.RateLimiter", lambda *given: made.append(given))
    with serving() as server:
        run(source, out, "--base-url", server.url, "--rpm", "6000", "--tpm", "1e6", "--dry-run")
    assert made == [(6000, 1e6)]


def test_options_of_loading_reach_the_local_model(source: Path, out: Path) -> None:
    options = ("--context-length", "64", "--slots", "2", "--backend", "llama.cpp")
    too_long = line("a", messages=[{"role": "user", "content": "long " * 60}])
    write(source, too_long)
    assert run(source, out, *LOCAL, *options).exit_code == 1
    (failed,) = read(out.with_name("out.errors.jsonl"))
    assert failed["error"]["type"] == "LLMContextLengthError"


def test_progress_that_is_asked_for_is_lines_in_a_pipe(source: Path, out: Path) -> None:
    done = run(source, out, *LOCAL, "--progress")
    assert done.stderr.startswith("5/5 · ")
    assert "\x1b" not in done.output


def test_the_report_is_json_where_it_is_wanted(source: Path, out: Path) -> None:
    told = report(run(source, out, *LOCAL, "--json"))
    assert {name: told[name] for name in ("n_requests", "n_failed", "output", "errors")} == {
        "n_requests": 5, "n_failed": 0, "output": str(out), "errors": None,
    }  # fmt: skip


def test_standard_input_and_output_are_a_pipe(source: Path) -> None:
    done = run("-", "-", *LOCAL, input=source.read_bytes())
    lines = [json.loads(one) for one in done.stdout.splitlines()]
    assert [one["custom_id"] for one in lines] == ["r0", "r1", "r2", "r3", "r4"]
    assert "answered  5" in done.stderr
    assert "output" not in done.stderr


def test_a_pipe_into_a_file_goes_on(source: Path, out: Path) -> None:
    run("-", out, *LOCAL, "--limit", "3", input=source.read_bytes())
    done = run("-", out, *LOCAL, "--json", input=source.read_bytes())
    assert report(done)["n_resumed"] == 3


def test_a_table_becomes_a_table(tmp_path: Path) -> None:
    table = write(tmp_path / "in.csv", b"prompt,note,max_tokens\nHello!,mine,3\nWho?,,2\n")
    done = run(table, tmp_path / "out.parquet", *LOCAL)
    assert (done.exit_code, done.stderr) == (0, "")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(row["note"], row["completion_tokens"]) for row in rows] == [("mine", 3), ("", 2)]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in.csv", "out.parquet"]


def test_a_table_that_is_complete_asks_nothing_again(tmp_path: Path) -> None:
    table = write(tmp_path / "in.csv", b"prompt,model\nHello!,m\nbad,m\n")
    with serving() as server:
        common = (table, tmp_path / "out.csv", "--base-url", server.url)
        first, second = run(*common), run(*common)
        assert len(server.requests) == 2
        assert run(*common, "--retry-errors").exit_code == 1
    assert (first.exit_code, second.exit_code, len(server.requests)) == (1, 1, 3)
    assert "1 of 2 requests failed; see the column 'error'" in second.stderr
    answers = [row["answer"] for row in read_csv(tmp_path / "out.csv")]
    assert answers == ["You said Hello!", ""]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.jsonl"])
def test_a_smaller_limit_takes_no_answers_away(tmp_path: Path, name: str) -> None:
    table = write(tmp_path / "in.csv", b"prompt,max_tokens\nOne,2\nTwo,2\nThree,2\n")
    common = (table, tmp_path / name, *LOCAL, "--order")
    assert run(*common).exit_code == 0
    before = (tmp_path / name).read_bytes()
    limited = run(*common, "--limit", "1")
    assert (limited.exit_code, (tmp_path / name).read_bytes()) == (1, before)
    assert "limit is 1" in limited.stderr or "--limit is 1" in limited.stderr
    assert run(*common).exit_code == 0


def test_a_job_that_is_stopped_says_how_it_goes_on(source: Path, out: Path) -> None:
    from tests.llm_kit.support import http

    with serving(http(401, {"error": {"message": "no such key"}})) as server:
        done = run(source, out, "--base-url", server.url)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert f"run the same command to go on with '{out}'" in done.stderr


def test_an_output_of_another_job_is_not_to_be_gone_on_with(source: Path, out: Path) -> None:
    assert run(source, out, *LOCAL).exit_code == 0
    write(source, *(line(f"r{i}", seed=i, max_tokens=4) for i in range(5)))
    done = run(source, out, *LOCAL)
    assert done.exit_code == 1
    assert "name another output, or move this one away" in done.stderr
    assert "run the same command" not in done.stderr


def test_what_is_no_request_is_told_by_its_line(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path / "in.jsonl", line("a"), b"{}\n")
    done = run(source, out, *LOCAL)
    assert (done.exit_code, out.exists()) == (1, False)
    assert done.stderr.startswith(f"error: {source}, line 2: ")
    assert "go on" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "there is no OUT"),
        (
            ["out", "--local", "tiny", "--rpm", "5"],
            "--rpm is for servers; leave it out with --local",
        ),
        (["out", "--local", "tiny", "--engine", "provider"], "--engine provider is for providers"),
        (["out", "--slots", "2"], "--slots says how a model is loaded; give --local MODEL with it"),
        (["out", "--address", "auto"], "--address needs --engine ray"),
        (["out", "--base-url", "a", "--base-url", "b"], "several --base-url need --engine ray"),
        (["out", "--engine", "ray", "--cache", "c"], "--cache is not for --engine ray"),
        (["out", "--engine", "provider", "--tpm", "5"], "--tpm is not for --engine provider"),
        (["out", "--cancel"], "--cancel is for --engine provider"),
        (["out", "--engine", "provider", "--cancel", "--dry-run"], "do not go together"),
        (["out", "--local", "tiny", "--max-cost", "5"], "--max-cost is for servers"),
        (["out", "--provider", "google", "--rpm", "5"], "--rpm is not for --provider google"),
        (["out", "--provider", "anthropic", "--engine", "ray"], "which anthropic's is not"),
        (["out", "--override-model"], "--override-model needs --model NAME"),
        (["out", "--timeout", "forever"], "--timeout forever is for --local"),
        (["-", "--engine", "provider"], "--engine provider takes up to a day; name a file as OUT"),
        (["-", "--json"], "--json and the answers cannot both be on standard output"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], says: str) -> None:
    done = run("in.jsonl", *arguments)
    assert done.exit_code == 2
    assert says in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["out.jsonl", "--local", "tiny"], "cannot read 'no.jsonl'"),
        (
            ["out.jsonl", "--provider", "openai", "--model", "m"],
            "there is no key for https://api.op",
        ),
        (["no.jsonl", "--local", "tiny"], "which is the input; name another"),
    ],
    ids=["no input", "no key", "output is input"],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("no.jsonl", *arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_requests_that_name_no_model_are_found_before_the_first_is_sent(
    tmp_path: Path, out: Path
) -> None:
    source = write(tmp_path / "in.jsonl", line("a"), line("b", model=None))
    with serving() as server:
        done = run(source, out, "--base-url", server.url)
    assert (done.exit_code, server.requests) == (1, [])
    assert "line 2: names no model; name one in its body, or with --model" in done.stderr
