"""`Cassette`: answers from a file, or from the network and into the file."""

from __future__ import annotations

import functools
import inspect
import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from LLM import wire
from LLM.cassettes.matching import ALL_PARTS, checked_parts
from LLM.cassettes.modes import Mode, checked_mode, mode_in_force
from LLM.cassettes.session import Session, Settings
from LLM.exceptions import LLMConfigError

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_MAX_PACE = 1000

# Cassettes whose blocks run, the innermost last: it alone is asked.
_lock = threading.RLock()
_inserted: list[Cassette] = []


class Cassette:
    """Records calls into a file while its block runs, or answers them from it.

    All calls of the process take part, from any thread and event loop: those of `LLM`, of provider
    clients and rings, and of models in this process. Of several blocks, one within the other, the
    innermost has them. A cassette is also a decorator of functions and coroutine functions, and
    works in ``async with``.

    :param path: the file, JSON Lines. One that is made is for its owner alone.
    :param mode: ``once`` replays a file that is there and records one that is not;
        ``new_episodes`` replays what is recorded and adds what is not; ``none`` replays only;
        ``all`` records the file anew; ``off`` does nothing. The variable ``LLM_CASSETTE`` goes
        before it, which also knows ``strict`` for ``none`` and ``record`` for ``all``.
    :param strict: the same as ``mode="none"``.
    :param pace: how long to take over recorded answers: 1 is as long as they took, streams piece by
        piece, 0 is at once; pauses between tries too.
    :param allow_repeats: give a request's last answer again when it is asked more often than it was
        recorded.
    :param match_on: in what requests must be equal: some of ``method``, ``host`` (with scheme and
        port; this machine's have none), ``path``, ``query`` and ``body`` (JSON, whatever its
        order).
    :raises LLMConfigError: an argument cannot work.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        mode: Mode = "once",
        *,
        strict: bool = False,
        pace: float = 1.0,
        allow_repeats: bool = False,
        match_on: Collection[str] = ALL_PARTS,
    ) -> None:
        if strict and mode not in ("once", "none"):
            raise LLMConfigError(f"strict=True and mode={mode!r} contradict; give one of them")
        mode = "none" if strict else checked_mode(mode)
        parts = checked_parts(match_on)
        self.settings = Settings(
            _checked_path(path), mode, _checked_pace(pace), allow_repeats, parts
        )
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"Cassette({str(self.settings.path)!r}, {self.settings.mode!r})"

    def __enter__(self) -> Self:
        """Begin.

        :raises CassetteError: the file cannot be read or written.
        :raises CassetteMissError: there is none, and none may be recorded.
        :raises LLMConfigError: the block runs already, or ``LLM_CASSETTE`` is no mode.
        """
        with _lock:
            if self in _inserted:
                raise LLMConfigError(f"{self!r} is in use; make another one for this block")
            self._session = Session(self.settings, mode_in_force(self.settings.mode))
            _eject()
            _inserted.append(self)
            _insert()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; streams that are being recorded are written down as left.

        :raises CassetteError: something could not be written.
        """
        with _lock:
            _eject()
            _inserted.remove(self)
            _insert()
            session, self._session = self._session, None
        assert session is not None, "the block was entered"
        session.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc_info: Any) -> None:
        self.__exit__(*exc_info)

    def __call__(self, function: FunctionT) -> FunctionT:
        """The function, each of whose calls is a block of a cassette like this one."""
        return _decorated(self, function)

    def copy(self) -> Cassette:
        """Another cassette of the same file and settings."""
        given = self.settings
        return Cassette(
            given.path,
            given.mode,
            pace=given.pace,
            allow_repeats=given.allow_repeats,
            match_on=given.match_on,
        )


cassette = Cassette


def _checked_path(path: Any) -> Path:
    try:
        found = Path(path)
        is_name = b"\0" not in os.fsencode(found) and found.name != ""
    except (TypeError, ValueError):
        is_name = False
    if not is_name:
        raise LLMConfigError(f"path is {path!r}; give the name of a file")
    return found


def _checked_pace(pace: Any) -> float:
    is_number = isinstance(pace, (int, float)) and not isinstance(pace, bool)
    if not is_number or not 0 <= pace <= _MAX_PACE:
        raise LLMConfigError(
            f"pace is {pace!r}; give 1 for as it was, 0 for at once, or up to {_MAX_PACE}"
        )
    return float(pace)


def _decorated(cassette: Cassette, function: FunctionT) -> FunctionT:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise LLMConfigError("a cassette decorates no generator; use a with block inside of it")
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            with cassette.copy():
                return await function(*args, **kwargs)

        return run_async  # type: ignore[return-value]  # it is called as the function is

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with cassette.copy():
            return function(*args, **kwargs)

    return run  # type: ignore[return-value]  # as above


def _eject() -> None:
    if _inserted:
        session = _inserted[-1]._session
        assert session is not None, "its block runs"
        wire.remove_layer(session)
        wire.in_process.remove(session)


def _insert() -> None:
    session = _inserted[-1]._session if _inserted else None
    if session is not None and session.mode != "off":
        for add in (wire.add_layer, wire.in_process.add):
            add(session, pace=session.pause_pace, alone=not session.records)
