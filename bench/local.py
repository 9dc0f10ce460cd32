"""The local engine against its peers, in turns, one thread each.

    for kind in "speed --type f32" "half --type q4_0 --type q8_0" "vocab --type q8_0"; do
        scripts/make-random-model ${kind%% *} build/models ${kind#* }
    done
    python bench/local.py --models build/models                   # everything: about an hour
    python bench/local.py --models build/models --only streams --only python
    python bench/local.py --models build/models --quick           # does it run? figures are noise
    python bench/local.py --models build/models --check --json local.json

streams      1, 4, 8 streams over HTTP. At 8: 1.2 (speed) and 1.0 (half) times llama-server's
             tokens a second, 3.0 times llama_cpp.server's
http         eight streams over HTTP: 0.9 of the engine's own tokens a second
alone        one stream in process: 1.0 times llama_cpp.Llama's tokens a second
python       at most 25 µs a token beside the model's code, and above a bare decode loop, the
             same for 64 and for 1,900 tokens
chats        four chats in turn, third turn: 0.5 of llama-server's time to the first token
gaps         three streams beside a 1,400-token prompt: 0.15 of llama-server's largest gap
constrained  JSON schema at a vocabulary of 151,936: 1.0 times the tokens a second without
pairs        two streams on q8_0: 1.5 times llama-server's tokens a second
torch        eight callers of the transformers engine: 1.4 times `generate` in a batch of eight

Every contender is a child process, has one turn a round, and is bounded in time. A ratio is the
median of the rounds' ratios. llama-server is its engine from xllamacpp's wheel, in a process of its
own. llama_cpp.server needs `llama-cpp-python[server]`, which `--peer-python` may have instead of
this Python. What cannot be measured is told as "not available" and fails `--check`, which ends with
exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from local_engine import in_process, over_http
from local_engine.findings import Finding, Values, table
from local_engine.settings import Settings

SCENARIOS: dict[str, Callable[[Settings], list[Finding]]] = {
    "streams": over_http.streams,
    "alone": in_process.alone,
    "python": in_process.python,
    "chats": over_http.chats,
    "gaps": over_http.gaps,
    "constrained": in_process.constrained,
    "http": over_http.http,
    "pairs": over_http.pairs,
    "torch": in_process.torch,
}
PACKAGES = ("llama-cpp-python", "xllamacpp", "torch", "transformers", "llguidance", "uvicorn")


def measure(names: list[str], settings: Settings) -> list[Finding]:
    """Run the scenarios one after another, and print each one's findings as they come."""
    found = []
    for name in names:
        try:
            new = SCENARIOS[name](settings)
        except FileNotFoundError as error:
            ours = Values("local_llm_kit", absent=str(error))
            new = [Finding(name, "nothing measured", ours, target=0.0)]
        print(table(new), flush=True)
        found += new
    return found


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "versions": versions,
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, required=True, help="what make-random-model wrote")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="repeatable")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--peer-python", default=sys.executable, metavar="PATH")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there too")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a target is missed")
    return parser.parse_args()


def main() -> int:
    args = options()
    rounds, scale = (1, 0.1) if args.quick else (args.rounds, 1.0)
    settings = Settings(args.models, rounds, scale, args.peer_python)
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    found = measure(args.only or list(SCENARIOS), settings)
    missed = [finding for finding in found if finding.fails]
    targets = sum(finding.target is not None for finding in found)
    print(f"{targets - len(missed)} of {targets} targets met")
    if args.json:
        report = facts | {"findings": [finding.as_dict() for finding in found]}
        args.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    return 1 if missed and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
