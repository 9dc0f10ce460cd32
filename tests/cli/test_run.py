"""`run`: one answer on standard output, and nothing else there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import run, terminal

pytestmark = pytest.mark.slow

FRANCE = "What is the capital of France?"
COLD = ("--temperature", "0")
PARIS = "The capital of France is Paris.\n"
NAME = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}},
    "required": ["name"],
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


def test_the_answer_alone_is_on_standard_output() -> None:
    result = run("run", FRANCE, *COLD)
    assert (result.exit_code, result.stdout, result.stderr) == (0, PARIS, "")


@pytest.mark.parametrize("prompt", [(), ("-",)], ids=["none", "dash"])
def test_what_is_piped_in_is_the_prompt(prompt: tuple[str, ...]) -> None:
    assert run("run", *prompt, *COLD, input=FRANCE).stdout == PARIS


def test_prompt_files_and_pipe_follow_one_another(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    counted = run("run", "zero", "-f", str(tmp_path / "a.txt"), "--json", input="two\n")
    alone = run("run", "zero\n\none\n\ntwo", "--json")
    usages = [json.loads(result.stdout)["usage"]["prompt_tokens"] for result in (counted, alone)]
    assert usages[0] == usages[1]


def test_no_prompt_at_all_is_wrong_usage() -> None:
    result = run("run", input=" \n")
    assert result.exit_code == 2
    assert "there is no prompt" in result.stderr


def test_json_is_the_whole_response() -> None:
    answer = json.loads(run("run", FRANCE, "--json", *COLD).stdout)
    assert answer["choices"][0]["message"]["content"] == PARIS.strip()
    assert answer["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("source", ["text", "file"])
def test_a_schema_is_followed(tmp_path: Path, source: str) -> None:
    schema = json.dumps(NAME)
    if source == "file":
        (tmp_path / "name.json").write_text(schema)
        schema = str(tmp_path / "name.json")
    result = run("run", "Who are you?", "--schema", schema)
    assert result.exit_code == 0
    assert json.loads(result.stdout).keys() == {"name"}


def test_an_answer_that_is_cut_is_no_json_and_fails() -> None:
    result = run("run", "Who are you?", "--schema", json.dumps(NAME), "--max-tokens", "2")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "raise --max-tokens" in result.stderr


@pytest.mark.parametrize("schema", ["{", "[]", "no-such-file.json", '{"a": ' * 9999], ids=repr)
def test_a_schema_that_is_none_is_wrong_usage(tmp_path: Path, schema: str) -> None:
    if schema == "[]":
        (tmp_path / "list.json").write_text(schema)
        schema = str(tmp_path / "list.json")
    result = run("run", "Hi", "--schema", schema)
    assert result.exit_code == 2
    assert "--schema" in result.stderr


def test_sampling_options_reach_the_model() -> None:
    twice = [run("run", "Tell me a story.", "--seed", "7", "-t", "1").stdout for _ in range(2)]
    assert twice[0] == twice[1]
    assert run("run", FRANCE, *COLD, "--max-tokens", "2").stdout == "The capital\n"
    assert run("run", FRANCE, *COLD, "--stop", "Paris", "--stop", "x").stdout.strip() == (
        "The capital of France is"
    )


def test_the_system_message_is_part_of_the_prompt() -> None:
    def n_prompt(*options: str) -> int:
        answer = run("run", "Hi", "--json", *options).stdout
        return int(json.loads(answer)["usage"]["prompt_tokens"])

    assert n_prompt("--system", "Be brief.") > n_prompt()


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    assert run("run", FRANCE, *COLD, "--output", str(path)).stdout == ""
    assert path.read_text() == PARIS
    assert [entry.name for entry in tmp_path.iterdir()] == ["answer.txt"]


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("before")
    assert run("run", "Hi", "--model", "no-such-model", "-o", str(path)).exit_code == 1
    assert path.read_text() == "before"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    result = run("run", "Hi", "-o", str(tmp_path / "no" / "answer.txt"))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: cannot write ")


@pytest.mark.parametrize(
    ("data", "reason"),
    [(None, "cannot read"), (b"\xff\xfe", "is not UTF-8 text")],
    ids=["missing", "binary"],
)
def test_a_file_that_is_no_text_is_told(tmp_path: Path, data: bytes | None, reason: str) -> None:
    path = tmp_path / "prompt"
    if data is not None:
        path.write_bytes(data)
    result = run("run", "Hi", "-f", str(path))
    assert result.exit_code == 1
    assert reason in result.stderr


def test_a_pipe_that_brings_no_text_is_told() -> None:
    result = run("run", input=b"\x80")
    assert result.exit_code == 1
    assert "standard input is not UTF-8 text" in result.stderr


def test_a_model_that_reads_no_images_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    result = run("run", "What is this?", "--image", str(tmp_path / "a.png"))
    assert result.exit_code == 1
    assert "image" in result.stderr


def test_a_file_that_is_no_image_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    result = run("run", "What is this?", "--image", str(tmp_path / "a.png"))
    assert result.exit_code == 1
    assert "is no image" in result.stderr


def test_verbose_tells_the_pace_on_standard_error() -> None:
    result = run("run", FRANCE, *COLD, "--verbose")
    assert result.stdout == PARIS
    assert result.stderr.startswith("(tiny · ")
    assert "tokens/s" in result.stderr


def test_a_server_answers_in_place_of_a_model_here(local_server_url: str) -> None:
    assert run("run", FRANCE, *COLD, "--url", local_server_url).stdout == PARIS
    named = run("run", FRANCE, *COLD, "--url", local_server_url, "--model", "gpt-4", "--json")
    assert "does not list 'gpt-4'; another model may answer for it" in named.stderr
    assert json.loads(named.stdout)["model"] == "tiny"


@pytest.mark.parametrize("command", ["run", "bench", "chat"])
def test_an_address_that_is_none_is_named_by_its_flag(command: str) -> None:
    result = run(command, "--url", "nope", input="Hi")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: --url must look like 'http://127.0.0.1:8000'")


def test_nobody_at_the_url_is_told_at_once() -> None:
    result = run("run", "Hi", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "start the server or check --url" in result.stderr


def test_options_of_loading_are_refused_with_a_url() -> None:
    result = run("run", "Hi", "--url", "http://127.0.0.1:9", "--threads", "1", "--offline")
    assert result.exit_code == 2
    assert "--threads, --offline and --url exclude each other" in " ".join(result.stderr.split())


def test_errors_name_the_flag_that_was_typed() -> None:
    result = run("run", "Hi", "--kv-type", "q4_0", "--no-flash-attention")
    assert result.exit_code == 1
    assert "--kv-type is 'q4_0'" in result.stderr
    assert "kv_type" not in result.stderr


def test_a_reader_that_leaves_ends_it_silently() -> None:
    command = f"{sys.executable} -m local_llm_kit run 'Tell me a story.' | head -c 1"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert len(run.stdout) == 1
    assert run.stderr == ""


def test_at_a_terminal_it_streams_and_shows_a_bar_that_goes() -> None:
    with terminal("run", FRANCE, *COLD, "--verbose") as screen:
        shown = screen.wait_for("to the first)")
        assert "loading tiny" in shown
        assert PARIS.strip() in shown
        assert screen.exit_code() == 0


def test_no_progress_shows_no_bar() -> None:
    with terminal("run", FRANCE, *COLD, "--no-progress") as screen:
        assert "loading" not in screen.wait_for("Paris.")
