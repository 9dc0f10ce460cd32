"""A process that has what Windows has: run by test_platforms.py, it prints what works as JSON.

Our modules are imported once, so that all that they import of others is there, then forgotten, and
imported again without the modules and names that Windows lacks. It is no Windows: paths, line ends
and open files are still those of this system.
"""

from __future__ import annotations

import importlib
import json
import mmap
import os
import pkgutil
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

OURS = ("LLM", "ai", "cloud", "llm_kit", "llmring", "local_llm_kit")
#: They load torch, Ray or llama.cpp, take pytest's place, or run only inside of Alembic.
LEFT_OUT = (
    "LLM.cassettes.pytest_plugin", "llm_kit.ray", "llmring.conversations.sql.migrations",
    "local_llm_kit.engines.llama_cpp", "local_llm_kit.engines.transformers",
)  # fmt: skip
MISSING_MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty")
MISSING_NAMES: dict[ModuleType, tuple[str, ...]] = {
    os: (
        "O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "O_SYNC",
        "chown", "fchmod", "fchown", "fdatasync", "fork", "getegid", "geteuid", "getgid",
        "getloadavg", "getuid", "killpg", "lchown", "mkfifo", "posix_fadvise", "posix_fallocate",
        "pread", "preadv", "pwrite", "pwritev", "register_at_fork", "sched_getaffinity", "sendfile",
        "setsid", "statvfs", "sync", "sysconf",
    ),
    select: ("epoll", "kqueue", "poll"),
    signal: (
        "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGTSTP", "SIGUSR1",
        "SIGUSR2", "SIGWINCH", "alarm", "pthread_sigmask", "setitimer",
    ),
    mmap: ("MADV_DONTNEED", "MAP_ANONYMOUS", "MAP_NORESERVE", "MAP_PRIVATE", "MAP_SHARED"),
}  # fmt: skip


def our_modules() -> Iterator[str]:
    for name in OURS:
        yield name
        yield from _below(importlib.import_module(name).__path__[0], name)


def _below(folder: str, package: str) -> Iterator[str]:
    for found in pkgutil.iter_modules([folder], f"{package}."):
        if found.name.startswith(LEFT_OUT):
            continue
        yield found.name
        if found.ispkg:
            yield from _below(f"{folder}/{found.name.rpartition('.')[2]}", found.name)


def forget_ours() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in OURS:
            del sys.modules[name]


def hide() -> None:
    for name in MISSING_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # which is how Python bars a module
    for module, names in MISSING_NAMES.items():
        for name in names:
            vars(module).pop(name, None)
    sys.platform = "win32"


def use_what_locks_and_syncs(folder: Path, url: str) -> dict[str, object]:
    """A job with an output file, a lockfile that is written, a file that is read."""
    from LLM import LLM, LLMConfig
    from llmring.files.reading import open_file
    from llmring.files.rules import FileRules
    from llmring.lockfile.writing import only_writer, replace

    with LLM(LLMConfig(base_url=url, model="tiny")) as llm:
        report = llm.batch(["one", "two"], output=folder / "out.jsonl")
    lockfile = folder / "llmring.lock"
    with only_writer(lockfile):
        replace(lockfile, b"new")
    with open_file(lockfile, FileRules.read({})) as file:
        read = file.read().decode()
    return {
        "answers": sorted(result.text for result in report.results),
        "lines": len((folder / "out.jsonl").read_text().splitlines()),
        "lockfile": read,
    }


def main() -> None:
    names = list(our_modules())
    for name in names:
        importlib.import_module(name)
    forget_ours()
    hide()
    failed = {}
    for name in names:
        try:
            importlib.import_module(name)
        except (ImportError, AttributeError) as err:
            failed[name] = repr(err)
    worked = use_what_locks_and_syncs(Path(sys.argv[1]), sys.argv[2])
    print(json.dumps({"n_modules": len(names), "failed": failed, **worked}))


if __name__ == "__main__":
    main()
