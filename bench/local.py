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
import sys
from collections.abc import Callable
from pathlib import Path

from local_engine import in_process, over_http
from local_engine.findings import Finding, Values, note, table
from local_engine.settings import Settings
from peers import peer_python
from report import Report, add_options

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
MODELS = Path("build/models")
PACKAGES = ("llama-cpp-python", "xllamacpp", "torch", "transformers", "llguidance", "uvicorn")


def measure(name: str, settings: Settings) -> list[Finding]:
    """Run a scenario."""
    try:
        return SCENARIOS[name](settings)
    except FileNotFoundError as error:
        ours = Values("local_llm_kit", absent=str(error))
        return [Finding(name, "nothing measured", ours, target=0.0)]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="what make-random-model wrote")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="repeatable")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--peer-python", default=peer_python(), metavar="PATH")
    add_options(parser, rounds=5)
    return parser.parse_args()


def main() -> int:
    args = options()
    rounds, scale = (1, 0.1) if args.quick else (args.rounds, 1.0)
    settings = Settings(args.models, rounds, scale, args.peer_python or sys.executable)
    found: list[Finding] = []
    for name in args.only or SCENARIOS:
        command = ["local", "--only", name, "--rounds", str(rounds)]
        report = Report(f"local-{name}", PACKAGES, command)
        new = measure(name, settings)
        print(table(new), flush=True)
        note(new, report)
        report.write(args.json and args.json.with_stem(f"{args.json.stem}-{name}"))
        found += new
    missed = [finding for finding in found if finding.fails]
    targets = sum(finding.target is not None for finding in found)
    print(f"{targets - len(missed)} of {targets} targets met")
    return 1 if missed and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
