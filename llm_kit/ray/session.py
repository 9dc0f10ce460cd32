"""Ray, started or joined quietly, and left as it was found."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from LLM.exceptions import LLMConfigError
from LLM.extras import how_to_add
from llm_kit.ray.exceptions import RayUnreachableError
from llm_kit.ray.terminal import quiet_start

# The packs of a round are half a hundred MB; Ray would set a third of the machine's memory aside.
_OBJECT_STORE_BYTES = 512 * 2**20

logger = logging.getLogger("llm_kit.ray")

_CONNECT_TIMEOUT_S = 10.0

#: What Ray is told where the user has not told it otherwise.
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}


def load_ray() -> Any:
    """:return: the library ray, with its part ray.data.

    :raises LLMConfigError: it is not installed.
    """
    with _environment(_SETTINGS):
        try:
            # Imported here: it takes a second or two to load, and may be missing.
            import ray
            import ray.data
        except ModuleNotFoundError as err:
            raise LLMConfigError(
                f"the engine 'ray' needs the package ray[data], and {err.name} is not installed; "
                + how_to_add("ray")
            ) from err
    return ray


@contextmanager
def ray_session(address: str | None) -> Iterator[Any]:
    """Ray, connected while the block lasts.

    A connection that the process has already is used, and stays. Otherwise a cluster is joined, and
    left afterwards, or one is started on this machine, whose processes end with the block.

    :param address: of a running cluster that this machine is part of: ``host:port``, or ``auto``;
        None starts one, or uses the process's connection.
    :return: the library ray.
    :raises LLMConfigError: ray is not installed, the address is none, or the process is connected
        elsewhere.
    :raises RayUnreachableError: no cluster answers, or none can be started.
    """
    if address is not None and (type(address) is not str or "://" in address):
        raise LLMConfigError(
            f"address is {address!r}; give host:port, or 'auto' on a machine of the cluster. Jobs"
            " run as part of the cluster, not through Ray's client (ray://)"
        )
    ray = load_ray()
    with ExitStack() as stack:
        if ray.is_initialized():
            if address is not None:
                raise LLMConfigError(
                    f"address is {address!r}, but this process is connected to a Ray cluster;"
                    " leave address out to use that one, or call ray.shutdown() first"
                )
        else:
            stack.enter_context(_handler_kept())
            _check_listens(address)
            _start(ray, address)
            stack.callback(ray.shutdown)
        stack.enter_context(_events_logged(ray))
        stack.enter_context(_muted("ray"))
        stack.enter_context(_muted("ray.data"))
        yield ray


def _check_listens(address: str | None) -> None:
    """:raises RayUnreachableError: nobody listens there, which Ray would find out in minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as err:
        raise RayUnreachableError(
            f"the Ray cluster at {address!r} cannot be joined: {err}; start it there with"
            f" `ray start --head --port={port}`, or name another"
        ) from err


def _start(ray: Any, address: str | None) -> None:
    local = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
    try:
        with _environment(_SETTINGS), quiet_start():
            ray.init(
                address="local" if address is None else address,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **(local if address is None else {}),
            )
    # Ray raises what comes: OSError, RuntimeError, ValueError, AssertionError, its own.
    except Exception as err:
        own, other = "could not be started on this machine", f"at {address!r} cannot be joined"
        raise RayUnreachableError(
            f"the Ray cluster {own if address is None else other}: {err}"
        ) from err


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Variables set for the block, but for those that are set already."""
    added = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _handler_kept() -> Iterator[None]:
    """Ray puts its own handler of SIGTERM in place of the program's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if handler is not None:  # one of C, which Python cannot put back
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _events_logged(ray: Any) -> Iterator[None]:
    """What Ray tells of its machines goes to our log, and not to standard output.

    A worker that died and is made anew is such an event. Ray has no switch for it, so its printer
    is replaced; a Ray that has another printer prints.
    """
    core = ray._private.worker
    printer = getattr(core, "print_to_stdstream", None)
    if printer is None:
        yield
        return
    core.print_to_stdstream = _log_event
    try:
        yield
    finally:
        core.print_to_stdstream = printer


def _log_event(event: dict[str, Any], *_: Any, **__: Any) -> None:
    logger.info("ray: %s", "\n".join(map(str, event["lines"])))


@contextmanager
def _muted(name: str) -> Iterator[None]:
    """A logger that tells the terminal nothing: what matters is raised, the rest is in files."""
    handlers = [
        (handler, handler.level)
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    for handler, _ in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)
