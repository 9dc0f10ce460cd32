"""A PostgreSQL of the tests' own: Debian's programs, a folder and a socket of its own, no port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any, Self

import psutil

_USER = "tester"


def programs() -> Path | None:
    """Where Debian has the newest server's programs; None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    if found:
        return found[-1].parent
    beside = shutil.which("postgres")
    return Path(beside).parent if beside else None


def _version(program: Path) -> float:
    name = program.parent.parent.name
    return float(name) if name.replace(".", "", 1).isdigit() else 0.0


class PostgresServer:
    """The server. It refuses to run as root, and is then the user ``postgres`` or ``nobody``.

    :param folder: None for a temporary one; short, since a socket's path has 107 bytes at most.
    """

    def __init__(self, bin: Path) -> None:
        self._bin = bin
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _user()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def __enter__(self) -> Self:
        try:
            self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                      f"--username={_USER}")  # fmt: skip
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # What a killed process has handed to the system is kept without fsync, too.
        options = f"-c listen_addresses='' -c fsync=off -k {self.folder}"
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", str(self.folder / "log"))

    def kill(self) -> None:
        """End it as a crash does, and wait until its own processes have noticed."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = psutil.Process(pid).children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs(children, timeout=10)

    def restart(self) -> None:
        """Start it after it was killed."""
        (self.folder / "data" / "postmaster.pid").unlink()
        self.start()

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"t{uuid.uuid4().hex}"
        self._run("createdb", "-h", str(self.folder), "-U", _USER, name, data=False)
        return f"postgresql://{_USER}@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str, data: bool = True) -> None:
        command = [str(self._bin / program), *(["-D", str(self.folder / "data")] if data else [])]
        with (self.folder / f"{program}.out").open("wb") as output:
            done = subprocess.run(
                [*command, *arguments], cwd=self.folder, stdout=output, stderr=output, **self._as
            )
        if done.returncode:
            raise RuntimeError((self.folder / f"{program}.out").read_text())


def _user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
