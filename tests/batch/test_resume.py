"""Jobs that were ended, by whatever, go on with nothing done twice and nothing lost."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from LLM import BatchOutputError, LLMConfigError
from LLM.batch import files
from LLM.batch.files import output_lock
from LLM.exceptions import LLMAuthError
from tests.batch.jobs import FakeEngine, ids_of, lines_of, run, write_requests

TEXTS = ["one", "bad", "two", "three", "two", "bad", "four"]
ORDERS = pytest.mark.parametrize("keep_order", [False, True], ids=["as they end", "in order"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_requests(tmp_path / "in.jsonl", TEXTS)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def stopped(source: Path, output: Path, after: int, **options: Any) -> FakeEngine:
    """A run that ends when so many requests were answered."""
    engine = FakeEngine(stop=after)
    with pytest.raises(LLMAuthError):
        run(source, output, engine, **options)
    return engine


@ORDERS
@pytest.mark.parametrize("deduplicate", [False, True], ids=["each", "once"])
@pytest.mark.parametrize("after", range(5))
def test_a_run_goes_on_where_the_last_ended(
    source: Path, output: Path, after: int, keep_order: bool, deduplicate: bool
) -> None:
    options = {"keep_order": keep_order, "deduplicate": deduplicate}
    first = stopped(source, output, after, **options)
    second = FakeEngine()
    report = run(source, output, second, **options)
    assert not set(first.asked) & set(second.asked)
    assert (report.n_answered, report.n_failed, report.n_resumed) == (5, 2, after)
    assert sorted(ids_of(output)) == ["r0", "r2", "r3", "r4", "r6"]
    assert [result.custom_id for result in report.results] == [f"r{n}" for n in range(7)]
    assert report.results[4].text == "two"


@ORDERS
def test_a_complete_output_is_reported_without_asking(
    source: Path, output: Path, keep_order: bool
) -> None:
    run(source, output, keep_order=keep_order)
    before = output.read_bytes()
    engine = FakeEngine()
    report = run(source, output, engine, keep_order=keep_order)
    assert (engine.asked, report.n_resumed, output.read_bytes()) == ([], 7, before)
    assert report.errors == output.with_name("out.errors.jsonl")
    assert sorted(os.listdir(output.parent)) == ["in.jsonl", "out.errors.jsonl", "out.jsonl"]


@pytest.mark.parametrize("n_bytes", [1, 10, 60, 200])
def test_a_torn_line_is_cut_off_and_asked_again(source: Path, output: Path, n_bytes: int) -> None:
    run(source, output)
    whole = output.read_bytes()
    start = whole.rfind(b"\n", 0, -1) + 1
    output.write_bytes(whole[: start + n_bytes])
    engine = FakeEngine()
    run(source, output, engine)
    assert (engine.asked, output.read_bytes()) == (["r6"], whole)


@pytest.mark.parametrize("other", [b"my notes", b"my notes\n", b'{"id": 1}\n', b"[]\n"])
def test_a_file_of_something_else_is_left_alone(source: Path, output: Path, other: bytes) -> None:
    output.write_bytes(other)
    with pytest.raises(BatchOutputError, match="name another output"):
        run(source, output)
    assert output.read_bytes() == other


@ORDERS
@pytest.mark.parametrize("texts", [["other", *TEXTS[1:]], []], ids=["changed body", "other ids"])
def test_an_output_of_another_job_is_not_mixed_in(
    source: Path, output: Path, texts: list[str], keep_order: bool
) -> None:
    stopped(source, output, 3, keep_order=keep_order)
    write_requests(source, texts)
    engine = FakeEngine()
    with pytest.raises(BatchOutputError, match=r"other words|another job"):
        run(source, output, engine, keep_order=keep_order)
    assert engine.asked == []


@ORDERS
def test_failures_are_asked_again_where_that_is_wanted(
    source: Path, output: Path, keep_order: bool
) -> None:
    run(source, output, keep_order=keep_order)
    engine = FakeEngine()
    report = run(source, output, engine, retry_errors=True, keep_order=keep_order)
    assert (engine.asked, report.n_failed, report.n_resumed) == (["r1", "r5"], 2, 5)
    assert ids_of(output.with_name("out.errors.jsonl")) == ["r1", "r5"]


def test_failures_that_end_well_leave_no_errors_file(source: Path, output: Path) -> None:
    run(source, output)

    class Better(FakeEngine):
        def outcome(self, one: Any) -> Any:
            object.__setattr__(one, "body", {"messages": [{"content": "good"}]})
            return super().outcome(one)

    report = run(source, output, Better(), retry_errors=True)
    assert (report.n_failed, report.errors) == (0, None)
    assert not output.with_name("out.errors.jsonl").exists()


def test_a_limit_may_be_raised_and_lowered(source: Path, output: Path) -> None:
    engine = FakeEngine()
    assert [run(source, output, engine, limit=n).n_requests for n in (2, 4, 1, 9)] == [2, 4, 1, 7]
    assert engine.asked == [f"r{n}" for n in range(7)]


def test_order_may_be_wanted_later_and_given_up_again(source: Path, output: Path) -> None:
    stopped(source, output, 2)
    stopped(source, output, 2, keep_order=True)
    stopped(source, output, 1)
    engine = FakeEngine()
    report = run(source, output, engine, keep_order=True)
    assert (engine.asked, report.n_resumed) == (["r5", "r6"], 5)
    assert ids_of(output) == ["r0", "r2", "r3", "r4", "r6"]


@pytest.mark.parametrize("step", ["os.replace", "Path.unlink"])
@pytest.mark.parametrize("which", range(3))
def test_a_death_while_the_output_is_made_loses_nothing(
    source: Path, output: Path, step: str, which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, name = (os, "replace") if step == "os.replace" else (Path, "unlink")
    real, calls = getattr(holder, name), []

    def dying(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == which + 1:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(holder, name, dying)
        run(source, output, keep_order=True)
    assert calls
    engine = FakeEngine()
    report = run(source, output, engine, keep_order=True)
    assert report.n_resumed + len(engine.asked) == 7
    assert ids_of(output) == ["r0", "r2", "r3", "r4", "r6"]
    assert ids_of(output.with_name("out.errors.jsonl")) == ["r1", "r5"]


def test_an_output_beside_a_journal_of_another_is_not_overwritten(
    source: Path, output: Path
) -> None:
    run(source, output)
    stopped(source, output.with_name("other.jsonl"), 1, keep_order=True)
    os.rename(output.with_name("other.jsonl.journal"), output.with_name("out.jsonl.journal"))
    with pytest.raises(BatchOutputError, match="move one of the two away"):
        run(source, output, keep_order=True)


def test_a_second_job_on_an_output_is_refused(source: Path, output: Path) -> None:
    refused = []

    def second() -> None:
        try:
            run(source, output)
        except BatchOutputError as err:
            refused.append(err.code)

    with output_lock(output):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused == ["in_use"]
    assert run(source, output).n_answered == 5


def test_a_full_disk_ends_the_job_and_a_later_run_goes_on(
    source: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, room = os.write, [900]

    def write(handle: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = real(handle, data[: room[0]])
        room[0] -= taken
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "write", write)
        with pytest.raises(BatchOutputError, match="No space left on device"):
            run(source, output)
    kept = ids_of(output)
    engine = FakeEngine()
    report = run(source, output, engine)
    assert kept
    assert not set(kept) & set(engine.asked)
    assert report.n_answered == 5


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing folder", "read-only folder"])
def test_an_output_that_cannot_be_written_is_told_before_anything_is_sent(
    source: Path, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "folder"
    output = {"missing folder": folder / "out.jsonl", "folder": folder}.get(kind, tmp_path / "out")
    if kind == "folder":
        folder.mkdir()
    elif kind == "pipe":
        os.mkfifo(output)
    elif kind == "read-only folder":
        if os.geteuid() == 0:
            output = Path("/proc/out.jsonl")  # where not even root may write
        else:
            folder.mkdir(mode=0o500)
            output = folder / "out.jsonl"
    engine = FakeEngine()
    with pytest.raises(BatchOutputError):
        run(source, output, engine)
    assert engine.asked == []


@pytest.mark.parametrize("name", ["output", "errors"])
def test_no_file_of_a_job_is_its_input(source: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to(source)
    paths = {"output": tmp_path / "out.jsonl", name: tmp_path / "link"}
    with pytest.raises(LLMConfigError, match=f"{name} is .* which is the input"):
        run(source, paths.pop("output"), **paths)


def test_an_output_as_a_table_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(LLMConfigError, match="a table"):
        run(source, tmp_path / "out.csv")


def test_failures_tell_what_the_server_said(source: Path, output: Path) -> None:
    run(source, output, errors=output.with_name("sad.jsonl"))
    line = lines_of(output.with_name("sad.jsonl"))[0]
    assert line["error"] == {"code": "bad", "message": "no", "type": "InvalidRequestError"}
    assert line["response"]["status_code"] == 400


def test_lines_that_were_written_anew_are_understood(source: Path, output: Path) -> None:
    stopped(source, output, 3)
    output.write_text("".join(json.dumps(line, indent=None) + "\n" for line in lines_of(output)))
    report = run(source, output, deduplicate=True)
    assert (report.n_resumed, report.results[4].text) == (3, "two")
