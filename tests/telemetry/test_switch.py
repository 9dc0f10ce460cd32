"""Turning telemetry on and off, and what must never come of it."""

from __future__ import annotations

import asyncio
import configparser
import contextvars
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from LLM import LLM, AsyncLLM, LLMConfig, instrument, telemetry, uninstrument
from LLM.telemetry.dropped import collecting
from tests.client.conftest import CHAT, HELLO, answer, events
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer
from tests.telemetry.conftest import Seen

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class _Broken(SpanProcessor):
    """Fails at everything."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("zebra")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("zebra")


class _BrokenMeters:
    """Gives instruments that fail."""

    def get_meter(self, *args: Any, **more: Any) -> Any:
        return self

    def create_histogram(self, *args: Any, **more: Any) -> Any:
        return self

    def record(self, *args: Any, **more: Any) -> None:
        raise RuntimeError("zebra")


def test_nothing_is_recorded_until_it_is_turned_on(seen: Seen, api: Any, make: Any) -> None:
    uninstrument()
    api.post(CHAT, json=answer())
    llm = make()
    llm.chat_completion(HELLO)
    seen.record()
    llm.chat_completion(HELLO)
    uninstrument()
    uninstrument()
    llm.chat_completion(HELLO)
    assert len(seen.spans) == 1


def test_second_call_takes_the_place_of_the_first(seen: Seen, api: Any, make: Any) -> None:
    seen.record()
    api.post(CHAT, json=answer())
    make().chat_completion(HELLO)
    assert len(seen.spans) == 1


def test_clients_do_not_load_opentelemetry() -> None:
    code = "import sys, LLM.client, cloud.llm, llmring; print('opentelemetry' in sys.modules)"
    assert _python(code) == "False"


def test_missing_package_is_named_with_what_to_run() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import LLM\n"
        "try: LLM.instrument()\n"
        "except LLM.LLMConfigError as err: print(err)"
    )
    assert "pip install '.[otel]'" in _python(code)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_broken_processors_break_no_call(
    api: Any, make: Any, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(_Broken())
    instrument(provider, _BrokenMeters(), capture_content=True)
    try:
        if stream:
            api.post(CHAT, body=events("Hi!"), content_type="text/event-stream")
        else:
            api.post(CHAT, json=answer())
        got = make().chat_completion(HELLO, stream=stream)
        assert (got.response if stream else got).text == "Hi!"
    finally:
        uninstrument()
    assert "zebra" not in caplog.text


def test_failing_telemetry_is_logged_once_as_a_warning(
    api: Any, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    instrument(provider, _BrokenMeters())
    api.post(CHAT, json=answer())
    try:
        with caplog.at_level(logging.DEBUG, "LLM"):
            llm = make()
            for _ in range(3):
                llm.chat_completion(HELLO)
    finally:
        uninstrument()
    levels = [one.levelno for one in caplog.records if "telemetry failed" in one.message]
    assert len(levels) == 3
    assert levels.count(logging.WARNING) <= 1


def test_work_is_the_parent_of_the_calls_in_it(seen: Seen) -> None:
    async def run() -> None:
        with telemetry.work("job", {"llm_kit.lines": 2, "llm_kit.note": None}):
            async with AsyncLLM(LLMConfig(base_url=server.url)) as llm:
                await asyncio.gather(*(llm.chat_completion(HELLO) for _ in range(2)))

    with ScriptedServer((wire.answer(wire.CHAT),)) as server:
        asyncio.run(run())
    first, second, job = seen.spans
    assert job.name == "job"
    assert {first.parent.span_id, second.parent.span_id} == {job.context.span_id}
    assert dict(job.attributes or {}) == {"llm_kit.lines": 2}


def test_work_reaches_threads_with_a_copy_of_the_context(seen: Seen) -> None:
    with (
        ScriptedServer((wire.answer(wire.CHAT),)) as server,
        LLM(LLMConfig(base_url=server.url)) as llm,
        ThreadPoolExecutor(1) as threads,
        telemetry.work("job"),
    ):
        context = contextvars.copy_context()
        threads.submit(context.run, llm.chat_completion, HELLO).result(30)
    call, job = seen.spans
    assert call.parent.span_id == job.context.span_id


def test_work_is_nothing_where_nothing_is_recorded() -> None:
    with telemetry.work("job") as work:
        assert work is None


def test_cancelled_call_is_a_failed_one(seen: Seen) -> None:
    async def run() -> None:
        async with AsyncLLM(LLMConfig(base_url=server.url)) as llm:
            task = asyncio.create_task(llm.chat_completion(HELLO))
            await asyncio.to_thread(asked.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asked = threading.Event()

    def script(request: Any) -> list[Any]:
        asked.set()
        return [lambda connection: connection.hang()]

    with ScriptedServer((script,)) as server:
        asyncio.run(run())
    assert (seen.span.attributes or {})["error.type"] == "CancelledError"


def test_threads_of_telemetry_end_with_it() -> None:
    others = set(threading.enumerate())
    instrument()
    (started,) = set(threading.enumerate()) - others
    uninstrument()
    started.join(30)
    assert not started.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_a_forked_process_drops_ends_its_span(seen: Seen) -> None:
    seen.record()
    child = os.fork()
    if not child:
        status = 1
        try:
            recorder = telemetry.current
            assert recorder is not None
            with collecting:
                recorder.work("dropped", {}).end()
            seen.wait_for(1)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_tool_that_instruments_programs_finds_the_clients() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", "utf-8")
    entry = settings["options.entry_points"]["opentelemetry_instrumentor"].strip()
    module, _, name = entry.partition("=")[2].strip().partition(":")
    instrumentor = getattr(import_module(module), name)()
    instrumentor.instrument(skip_dep_check=True)
    try:
        assert telemetry.current is not None
    finally:
        instrumentor.uninstrument()
    assert telemetry.current is None
