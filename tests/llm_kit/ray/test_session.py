"""Ray, started or joined quietly, and left as it was found: by a fake of the library."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from LLM import LLMConfigError
from llm_kit.ray import RayJobError, RayUnreachableError
from llm_kit.ray.engine import RayEngine
from llm_kit.ray.session import ray_session
from llm_kit.ray.terminal import quiet_start


class FakeRayError(Exception):
    pass


class FakeRay(SimpleNamespace):
    """As much of the library as a session touches."""

    def __init__(self, *, initialized: bool = False) -> None:
        super().__init__(
            data=SimpleNamespace(),
            exceptions=SimpleNamespace(RayError=FakeRayError),
            _private=SimpleNamespace(worker=SimpleNamespace(print_to_stdstream=print)),
            initialized=initialized,
            seen={},
            fault=None,
        )

    def is_initialized(self) -> bool:
        return bool(self.initialized)

    def init(self, **settings: Any) -> None:
        if self.fault is not None:
            raise self.fault
        usage = os.environ.get("RAY_USAGE_STATS_ENABLED")
        self.seen = {**settings, "usage": usage}
        self.initialized = True
        signal.signal(signal.SIGTERM, lambda *_: None)

    def shutdown(self) -> None:
        self.initialized = False


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", ray.data)
    return ray


@pytest.fixture
def listening() -> Iterator[str]:
    """An address where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_cluster_of_ones_own_ends_with_the_session(ray: FakeRay) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ray_session(None):
        assert ray.seen["address"] == "local"
        assert ray.seen["include_dashboard"] is False
        assert ray.seen["usage"] == "0"
    assert not ray.initialized
    assert signal.getsignal(signal.SIGTERM) is before
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ


def test_a_handler_that_is_not_pythons_ends_no_session(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(signal, "getsignal", lambda _: None)
    try:
        with ray_session(None):
            pass
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not ray.initialized


def test_a_running_cluster_is_joined_as_it_is(ray: FakeRay, listening: str) -> None:
    with ray_session(listening):
        assert ray.seen["address"] == listening
        assert "object_store_memory" not in ray.seen


def test_an_address_where_nobody_listens_is_found_out_at_once(ray: FakeRay) -> None:
    # Bound and not listened at: nobody else gets the port meanwhile, and it refuses.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(RayUnreachableError, match=f"at '{address}' .*ray start --head"):
            ray_session(address).__enter__()
    assert ray.seen == {}


def test_a_connection_of_the_process_is_used_and_stays(ray: FakeRay) -> None:
    ray.initialized = True
    with ray_session(None):
        assert ray.seen == {}
    assert ray.initialized
    with pytest.raises(LLMConfigError, match=r"connected to a Ray cluster.*ray\.shutdown"):
        ray_session("auto").__enter__()


def test_a_cluster_that_cannot_be_started_says_why(ray: FakeRay) -> None:
    ray.fault = OSError("no room")
    with pytest.raises(RayUnreachableError, match="could not be started on this machine: no room"):
        ray_session(None).__enter__()


def test_a_cluster_that_refuses_says_why(ray: FakeRay, listening: str) -> None:
    ray.fault = RuntimeError("another version")
    with pytest.raises(RayUnreachableError, match=f"at '{listening}' .*another version"):
        ray_session(listening).__enter__()


def test_what_ray_gives_up_is_an_error_of_ours(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(*_: Any) -> None:
        raise FakeRayError("the node died\n\nTraceback of forty lines")

    monkeypatch.setattr(RayEngine, "_run", give_up)
    with pytest.raises(RayJobError, match="the node died; what has ended is finished"):
        RayEngine(str).run(iter(()), lambda _: None)  # type: ignore[arg-type] # never made


def test_rays_events_go_to_the_log(
    ray: FakeRay, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "llm_kit.ray")
    with ray_session(None):
        ray._private.worker.print_to_stdstream({"lines": ["a worker died"]}, ignore_prefix=False)
    assert capsys.readouterr().out == ""
    assert "a worker died" in caplog.text
    assert ray._private.worker.print_to_stdstream is print


def test_only_the_cores_lines_are_kept_from_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet_start():
        os.write(2, b"ours\n[2026-01-31 07:23:44,004 I 30840 30840] logging.cc:303: level\n")
        os.write(2, b"ours too\n")
    assert capfd.readouterr().err == "ours\nours too\n"
