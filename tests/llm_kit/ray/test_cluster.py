"""Jobs on a Ray cluster of two nodes, which are two sets of processes on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, LLMConfig
from llm_kit.batch import run_batch
from local_llm_kit import LLMClient
from tests.batch.jobs import chat, ids_of, write_requests
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer
from tests.samples import samples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs ray"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KEY = "sk-test-0123456789abcdef"

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Ray's sockets lie below it, and a socket's path has 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ask(folder: Path) -> Iterator[Ask]:
    """Have the process of `two_nodes.py` run a scenario."""
    log = open(folder / "stderr", "w+")  # noqa: SIM115 - closed below
    process = subprocess.Popen(
        [sys.executable, str(HERE / "two_nodes.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=environment(folder),
        start_new_session=True,
    )
    to, of = process.stdin, process.stdout
    assert to is not None
    assert of is not None

    def ask(scenario: str, **arguments: Any) -> dict[str, Any]:
        to.write(json.dumps({"scenario": scenario, **arguments}) + "\n")
        to.flush()
        line = of.readline()
        log.seek(0)
        assert line.startswith("{"), f"{line}\n{log.read()}"
        reply: dict[str, Any] = json.loads(line)
        assert "fault" not in reply, reply["fault"]
        return reply

    try:
        yield ask
        to.close()
        process.wait(60)
    finally:
        process.kill()
        process.wait()
        of.close()
        log.close()
        end_processes_of(folder)


def environment(folder: Path) -> dict[str, str]:
    """Its own home, since Ray keeps the token of its clusters there."""
    ours = {"HOME": str(folder), "RAY_TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **ours}


def end_processes_of(folder: Path) -> None:
    """End what the cluster has left, by its folder in their command lines."""
    for pid in processes_of(folder):
        os.kill(pid, signal.SIGKILL)


def processes_of(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def prompts(n: int) -> list[str]:
    return [f"bee {i}" for i in range(n)]


def answer_or_refuse(request: Request) -> bytes:
    text = json.loads(request.body)["messages"][-1]["content"]
    if text == "refuse":
        return wire.answer({"error": {"message": "not that", "code": "bad"}}, status=400)
    return wire.answer(chat(text))


def words_in(path: Path) -> list[dict[str, Any]]:
    """A table's rows, without what differs by the call: ids and times."""
    import pyarrow.parquet

    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return [{name: row[name] for name in row if name != "response"} for row in rows]


def said(reply: dict[str, Any]) -> list[tuple[int, str]]:
    return sorted((one["index"], one["said"]) for one in reply["answers"])


def test_both_nodes_answer_and_each_request_ends_once(ask: Ask) -> None:
    reply = ask("echo", prompts=prompts(300), make="together")
    assert said(reply) == list(enumerate(prompts(300)))
    assert len({one["pid"] for one in reply["answers"]}) == 2


def test_a_killed_worker_is_made_anew_and_nothing_is_lost(ask: Ask) -> None:
    reply = ask("kill_worker", prompts=prompts(300), concurrency=8)
    assert said(reply) == list(enumerate(prompts(300)))
    assert reply["errors"] == []


def test_a_request_that_kills_its_workers_is_given_up_and_the_others_go_on(ask: Ask) -> None:
    asked = [*prompts(3), "die", *prompts(3)]
    reply = ask("echo", prompts=asked, concurrency=1, workers=1)
    assert said(reply) == [one for one in enumerate(asked) if one[1] != "die"]
    [failed] = reply["errors"]
    assert failed["index"] == 3
    assert failed["error"][0] == "WorkerLostError"


def test_an_error_of_a_worker_arrives_as_it_was_raised(ask: Ask) -> None:
    reply = ask("echo", prompts=["refuse"] * 4, concurrency=1)
    assert reply["raised"] == ["LLMAuthError", "the key is refused", 401]


def test_a_machine_that_is_not_there_is_named(ask: Ask) -> None:
    reply = ask("echo", prompts=prompts(1), num_cpus=64)
    assert reply["raised"][0] == "LLMConfigError"
    assert "num_cpus=64" in reply["raised"][1]


def test_a_job_at_a_server_gives_what_it_gives_on_threads(ask: Ask, tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", [*prompts(60), "refuse", *prompts(20)])
    outputs = [tmp_path / "ray" / "out.jsonl", tmp_path / "threads" / "out.jsonl"]
    for output in outputs:
        output.parent.mkdir()
    with ScriptedServer((answer_or_refuse,)) as server:
        config = {"base_url": server.url, "api_key": KEY, "max_retries": 0}
        job = {"requests": str(source), "output": str(outputs[0]), "keep_order": True}
        reply = ask("batch", worker="endpoint", made_of=config, **job)
        assert {one.headers["authorization"] for one in server.requests} == {f"Bearer {KEY}"}
        with LLM(LLMConfig(**config)) as llm:
            llm.batch(source, outputs[1], keep_order=True, progress=False)
    assert reply == {"n_answered": 80, "n_failed": 1}
    for name in ("out.jsonl", "out.errors.jsonl"):
        assert outputs[0].with_name(name).read_bytes() == outputs[1].with_name(name).read_bytes()


def test_ray_writes_the_key_nowhere(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_the_command_runs_a_job_on_a_cluster(ask: Ask, folder: Path, tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", prompts(20))
    output = tmp_path / "out.jsonl"
    with ScriptedServer((answer_or_refuse,)) as server:
        options = ["--engine", "ray", "--address", ask("address")["address"], "--order"]
        options += ["--base-url", server.url, "--json"]
        run = subprocess.run(
            [sys.executable, "-m", "llm_kit", "batch", source, output, *options],
            env=environment(folder),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["n_answered"] == 20
    assert ids_of(output) == [f"r{n}" for n in range(20)]


def test_the_pages_sample_runs_on_a_cluster_of_its_own(folder: Path, local_server_url: str) -> None:
    [sample] = [one for one in samples(ROOT / "docs/many_machines.md") if one.language == "py"]
    code = sample.code.replace("http://127.0.0.1:8000", local_server_url)
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("request-") == 2


def test_models_in_the_workers_give_what_one_here_gives(ask: Ask, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(
        "custom_id,prompt,temperature\n" + "".join(f"a{i},Say {i},0\n" for i in range(9))
    )
    outputs = [tmp_path / "ray.parquet", tmp_path / "here.parquet"]
    options: dict[str, Any] = {"n_slots": 2, "context_length": 256, "threads": 1}
    made_of = {"name": "tiny", "options": options}
    ask("batch", worker="local", made_of=made_of, requests=str(source), output=str(outputs[0]))
    with LLMClient("tiny", **options) as client:
        run_batch(client, source, outputs[1], progress=False)
    assert words_in(outputs[0]) == words_in(outputs[1])
    assert len(words_in(outputs[0])) == 9


def test_a_killed_node_is_survived(ask: Ask) -> None:
    reply = ask("kill_node", prompts=prompts(300), concurrency=8)
    assert said(reply) == list(enumerate(prompts(300)))
    assert reply["errors"] == []
