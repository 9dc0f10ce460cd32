"""A newcomer's path, timed: from a clone to a first reply, offline too, and to one in the browser.

    python bench/first_steps.py [--rounds 3] [--cold] [--only client|offline]

Each path has a fresh clone of the last commit, a fresh virtual environment and an empty home. The
commands and the samples are those of `README.md`, word for word, but for the addresses of servers:
their ports are free ones.

client   `pip install .`, then the first sample, to which a server of canned answers replies
offline  `pip install '.[llama,server]'`, then the sample in process with the model `tiny`; then
         the server, its page in a headless Chromium, and an answer there

pip finds in its cache what it has downloaded and compiled before. `--cold` goes each path once more
with an empty cache: it downloads everything and compiles llama.cpp, which takes minutes. The page
needs `playwright` and a Chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from remote import fake_server
from report import Report, add_options

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "http://127.0.0.1:8000"
#: Beginnings of what a shell takes, and of the sample, as README has them.
CLIENT, LLAMA, SERVE = "pip install .", "pip install '.[llama,server]'", "local-llm-kit serve"
FIRST, OFFLINE = "from LLM import LLM,", "from local_llm_kit import LLMClient\n\nwith"
QUESTION, ANSWER = "What is the capital of France?", "Paris"
_PAGE_S = 60.0
_LISTENS = re.compile(r"http://[^\s/]+:\d+")


class Newcomer:
    """A clone, an environment and a home of one's own.

    :param folder: empty; everything happens in it.
    :param cache: pip's cache.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder, self._tree = folder, folder / "llm-kit"
        venv = self._tree / ".venv"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL", "PYTHON"))}
        self._environment = kept | {
            "HOME": str(folder / "home"),
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_CACHE_DIR": str(cache),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        (folder / "home").mkdir()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of what the block does."""
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun
        print(f"  {name:<40}{self.seconds[name]:8.1f} s", flush=True)

    def clone(self) -> None:
        with self.step("`git clone`"):
            self._run(["git", "clone", "--quiet", str(ROOT), str(self._tree)], self._folder)

    def install(self, command: str) -> None:
        """Make the environment, and install as README says."""
        with self.step("`python3 -m venv .venv`"):
            # A link to this Python, not one to the environment that this Python may be of.
            self._run([sys._base_executable, "-m", "venv", ".venv"])  # type: ignore[attr-defined]
        with self.step(f"`{command}`"):
            self._run(shlex.split(command))

    def reply(self, name: str, sample: str) -> None:
        """Run a sample, which prints the reply."""
        with self.step(name):
            said = self._run(["python", "-c", sample])
        if not said.strip():
            raise SystemExit(f"{name}: nothing was printed")

    @contextmanager
    def serving(self, command: str) -> Iterator[str]:
        """A server, for as long as the block lasts. Yields its address."""
        with subprocess.Popen(
            [*shlex.split(command), "--port", "0", "--exit-on-eof"],
            cwd=self._tree,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server:
            assert server.stdin
            assert server.stdout
            try:
                with self.step(f"`{command}`"):
                    lines = iter(server.stdout.readline, "")
                    found = next(filter(None, map(_LISTENS.search, lines)), None)
                if found is None:
                    raise SystemExit(f"{command}: no address was printed")
                yield found[0]
            finally:
                server.stdin.close()
                server.stdout.read()

    def _run(self, command: list[str], folder: Path | None = None) -> str:
        ran = subprocess.run(
            command,
            cwd=folder or self._tree,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise SystemExit(f"\n{shlex.join(command)}: failed\n{ran.stdout}{ran.stderr}")
        return ran.stdout


def client(newcomer: Newcomer, readme: str) -> None:
    """To the first reply of a server somewhere."""
    newcomer.clone()
    newcomer.install(line_of(readme, CLIENT))
    with fake_server() as url:
        newcomer.reply("the first sample", sample_of(readme, FIRST).replace(ADDRESS, url))


def offline(newcomer: Newcomer, readme: str) -> None:
    """To the first reply of a model in process, and to the first one on the page."""
    newcomer.clone()
    newcomer.install(line_of(readme, LLAMA))
    newcomer.reply("the sample in process", sample_of(readme, OFFLINE))
    with newcomer.serving(line_of(readme, SERVE)) as url:
        ask_on_page(newcomer, url)


def ask_on_page(newcomer: Newcomer, url: str) -> None:
    """Open the page in a browser and ask there."""
    from playwright.sync_api import expect, sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playing:
        with newcomer.step("a browser shows the page"):
            # Chromium as root, as in containers, has no sandbox.
            browser = playing.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(url)
            page.wait_for_selector("#model option", state="attached", timeout=_PAGE_S * 1e3)
        with newcomer.step("an answer on the page"):
            page.fill("#prompt", QUESTION)
            page.press("#prompt", "Enter")
            reply = page.locator(".turn.assistant .markdown")
            expect(reply).to_contain_text(ANSWER, timeout=_PAGE_S * 1e3)
        browser.close()


PATHS: dict[str, Callable[[Newcomer, str], None]] = {"client": client, "offline": offline}
TITLES = {
    "client": "To a first reply from a server",
    "offline": "To a first reply offline, and to one in the browser",
}
#: What has been reached with a step.
TOTALS = {
    "the first sample": "to a first reply",
    "the sample in process": "to a first reply offline",
    "an answer on the page": "to an answer in the browser",
}


def line_of(readme: str, beginning: str) -> str:
    """The first command of README that begins so, without its comment."""
    commands = (line.partition(" #")[0].rstrip() for line in readme.splitlines())
    found = next((line for line in commands if line.startswith(beginning)), None)
    if found is None:
        raise SystemExit(f"README.md has no command that begins with {beginning!r}")
    return found


def sample_of(readme: str, beginning: str) -> str:
    """The first sample of README that begins so."""
    samples: list[str] = re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    found = next((sample for sample in samples if sample.startswith(beginning)), None)
    if found is None:
        raise SystemExit(f"README.md has no sample that begins with {beginning!r}")
    return found


def walk(name: str, cache: Path) -> dict[str, float]:
    """Go one path once. :return: seconds of each step."""
    with tempfile.TemporaryDirectory() as folder:
        newcomer = Newcomer(Path(folder), cache)
        PATHS[name](newcomer, (ROOT / "README.md").read_text("utf-8"))
    return newcomer.seconds


def cache_of_pip() -> Path:
    """Where pip keeps what it has downloaded and compiled."""
    command = [sys.executable, "-m", "pip", "cache", "dir"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def note(report: Report, name: str, column: str, walks: list[dict[str, float]]) -> None:
    """Add a column to a path's table: each step, and what all until there took together."""
    so_far = [0.0 for _ in walks]
    for step in walks[0]:
        taken = [walked[step] for walked in walks]
        so_far = [a + b for a, b in zip(so_far, taken, strict=True)]
        report.add(TITLES[name], step, column, taken)
        if step in TOTALS:
            report.add(TITLES[name], f"**{TOTALS[step]}**", column, so_far)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cold", action="store_true", help="once more with pip's cache empty")
    parser.add_argument("--only", choices=PATHS)
    add_options(parser, rounds=3)
    args = parser.parse_args()
    report = Report("first_steps", ("llama-cpp-python", "playwright"))
    for name in [args.only] if args.only else PATHS:
        if args.cold:
            print(f"{TITLES[name]}, nothing in pip's cache")
            with tempfile.TemporaryDirectory() as cache:
                note(report, name, "nothing cached, s", [walk(name, Path(cache))])
        walks = []
        for number in range(args.rounds):
            print(f"{TITLES[name]}, round {number + 1} of {args.rounds}")
            walks.append(walk(name, cache_of_pip()))
        note(report, name, "pip's cache filled, s", walks)
    report.write(args.json)


if __name__ == "__main__":
    main()
