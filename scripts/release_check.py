"""Wheel and sdist built from the last commit, and tried: what `scripts/release-check` runs.

What is tried is what users get: the archives' contents, a bare installation, each extra alone in an
environment of its own outside of the repository, the commands, the audit of the pinned versions.
All checks run, even after one has failed. Nothing is uploaded.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import environment
import processes
from release import contents, extras
from release.environments import Environments

#: What a bare installation brings: our three requirements and theirs.
_BARE = {
    "annotated-types", "certifi", "charset-normalizer", "idna", "llm-kit", "pydantic",
    "pydantic_core", "requests", "typing-inspection", "typing_extensions", "urllib3",
}  # fmt: skip
_COMMANDS = ("llm-kit", "llmring", "local-llm-kit", "mcp-client")


def main() -> int:
    """Run the checks.

    :return: the exit code: 0 all is well, 1 something is not, 130 interrupted.
    """
    arguments = _parse()
    try:
        with tempfile.TemporaryDirectory(prefix="llm-kit-release-") as folder:
            problems = _check(arguments, Path(folder))
    except processes.CommandError as err:
        problems = [str(err)]
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    print("the release does not stand up" if problems else f"all is well: {arguments.dist}")
    return 1 if problems else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/release-check",
        description="Build wheel and sdist from the last commit, and try them. Uploads nothing.",
    )
    parser.add_argument("--dist", type=Path, default=environment.ROOT / "dist", help="(dist/)")
    names = ", ".join(sorted(extras.TRIALS))
    parser.add_argument(
        "--extras",
        type=lambda text: text.split(",") if text else [],
        default=sorted(extras.TRIALS),
        metavar="NAMES",
        help=f"the extras to try, with commas between; {names} unless told otherwise; 'all' and"
        " 'transformers' bring torch, so they run when they are named",
    )
    parser.add_argument("--no-audit", action="store_true", help="leave out pip-audit")
    found = parser.parse_args()
    if unknown := set(found.extras) - {*extras.TRIALS, *extras.WITH_TORCH}:
        parser.error(f"argument --extras: no such extra: {', '.join(sorted(unknown))}")
    found.dist = found.dist.absolute()
    return found


def _check(arguments: argparse.Namespace, folder: Path) -> list[str]:
    source = folder / "source"
    tracked = _export(source)
    constraints = source / "requirements.txt"
    environments = Environments(folder, constraints)
    environments.make_tools()
    wheel, sdist = _build(environments, source, arguments.dist)
    problems = _contents(wheel, sdist, tracked)
    problems += _tool(environments, "twine", "check", "--strict", str(wheel), str(sdist))
    problems += _bare(environments, wheel)
    for name in arguments.extras:
        problems += _extra(environments, wheel, name)
    if not arguments.no_audit:
        # Without --strict, what its database does not know passes, even if that is everything.
        options = ("--strict", "--no-deps", "--disable-pip", "--progress-spinner=off")
        problems += _tool(environments, "pip_audit", *options, "--requirement", str(constraints))
    return problems


def _export(source: Path) -> set[str]:
    """Lay the last commit's files into a folder, so that nothing of the working tree gets in.

    :return: their names.
    """
    git = ["git", "-C", str(environment.ROOT)]
    if subprocess.run([*git, "status", "--short"], capture_output=True, check=True).stdout:
        print("note: the working tree has changes; the last commit is what is built")
    archive = subprocess.run([*git, "archive", "HEAD"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(source, filter="data")
        return {member.name for member in files if member.isfile()}


def _build(environments: Environments, source: Path, dist: Path) -> tuple[Path, Path]:
    """Build both, the wheel from the sdist."""
    fresh = environments.folder / "dist"
    python = environments.python(environments.tools)
    processes.follow("building", [python, "-m", "build", "--outdir", str(fresh)], cwd=source)
    dist.mkdir(parents=True, exist_ok=True)
    for path in fresh.iterdir():
        (dist / path.name).write_bytes(path.read_bytes())
    (wheel,), (sdist,) = fresh.glob("*.whl"), fresh.glob("*.tar.gz")
    return dist / wheel.name, dist / sdist.name


def _contents(wheel: Path, sdist: Path, tracked: Iterable[str]) -> list[str]:
    names = set(tracked)
    problems = contents.wheel_problems(contents.wheel_files(wheel), names)
    problems += contents.sdist_problems(contents.sdist_files(sdist), names)
    problems += contents.licence_problems(contents.wheel_licences(wheel), names)
    return _told("contents", problems + contents.description_problems(contents.description(wheel)))


def _bare(environments: Environments, wheel: Path) -> list[str]:
    venv = environments.make("bare", str(wheel))
    problems = []
    if brought := environments.installed(venv) - _BARE:
        problems.append(f"a bare installation brings {', '.join(sorted(brought))}")
    if failed := environments.attempt(venv, ("python", "-c", extras.BARE)):
        problems.append(failed)
    # Without click a command says which extra of this wheel has it, and ends with 1.
    for command in _COMMANDS:
        told = environments.attempt(venv, (command,)) or "nothing"
        says = "ended with 1: error: the command line needs the package 'click'" in told
        if not says or f"pip install './{wheel.name}[" not in told:
            problems.append(f"bare: {command} does not say what it lacks: {told}")
    return _told("bare", problems)


def _extra(environments: Environments, wheel: Path, name: str) -> list[str]:
    trial = (extras.TRIALS | extras.WITH_TORCH)[name]
    try:
        venv = environments.make(f"extra-{name}", f"{wheel}[{name}]")
    except processes.CommandError as err:
        return _told(f"[{name}]", [str(err)])
    attempts = [("python", "-c", trial.code), *trial.commands]
    failed = [environments.attempt(venv, command) for command in attempts]
    return _told(f"[{name}]", [problem for problem in failed if problem])


def _tool(environments: Environments, module: str, *arguments: str) -> list[str]:
    command = [environments.python(environments.tools), "-m", module, *arguments]
    environ = os.environ | {"NO_COLOR": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    problem = f"{module} ended with {run.returncode}: {(run.stdout + run.stderr)[-1500:].strip()}"
    return _told(module, [problem] if run.returncode else [])


def _told(what: str, problems: list[str]) -> list[str]:
    print(f"{what}: {'FAILED' if problems else 'passed'}", flush=True)
    return problems


if __name__ == "__main__":
    sys.exit(main())
