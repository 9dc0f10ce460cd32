"""`local-llm-kit serve` with few and many clients, against llama_cpp.server and the bare engine.

    python bench/server.py [--rounds 5] [--clients 1 --clients 8 --clients 200] [--check]
        [--json FILE]

So many clients stream at once. Told are the tokens a second of all, the time to the first text of
the client in the middle and of the last one, and how many clients were turned away. Both servers
run as they come: ours has eight slots, lets 256 requests wait, and turns away more;
llama_cpp.server answers one request at a time and lets all others wait. The engine alone has no
HTTP around it. The models are `tiny` and `speed`, one of random weights (`python -m bench models`);
all compute with one thread. llama_cpp.server is that of the Python at `--peer-python`.

A client is a handful of lines, but 200 of them take CPU too: of the same cores, from all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_engine import servers
from local_engine.children import TURN_S, Absent, Child, Server, Worker
from local_engine.settings import Settings
from local_engine.turns import Taken, in_turns
from local_engine.wire import Answer, ask, prompt_of
from peers import peer_python
from report import Report, add_options, by_round

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "local_llm_kit" / "models" / "tiny" / "tiny.gguf"
OURS, BINDING, ENGINE = "local-llm-kit serve", "llama_cpp.server", "the engine alone"
PACKAGES = ("llama-cpp-python", "uvicorn", "starlette")
#: Tokens that each client asks for.
N_TOKENS = 64
_SLOTS, _CONTEXT = 8, 2048
#: Least tokens a second, of the engine's own and of llama_cpp.server's, with eight clients or more.
OF_ENGINE, OF_BINDING = 0.9, 3.0


@dataclass(frozen=True)
class Crowd:
    """What so many clients at once got.

    :param tokens_per_s: of all together.
    :param first_ms: to the first text, the median client's.
    :param last_ms: to the first text, of the client that waited longest.
    :param n_refused: clients without an answer.
    """

    tokens_per_s: float
    first_ms: float
    last_ms: float
    n_refused: int = 0


COLUMNS: dict[str, Callable[[Crowd], float]] = {
    "tokens a second": lambda crowd: crowd.tokens_per_s,
    "to the first text, ms": lambda crowd: crowd.first_ms,
    "the last client's, ms": lambda crowd: crowd.last_ms,
    "turned away": lambda crowd: crowd.n_refused,
}


def turn(child: Child, clients: int) -> Crowd:
    """Let so many clients ask at once."""
    if isinstance(child, Worker):
        found = child.turn(tokens=N_TOKENS, callers=clients)
        return crowd(found["first_s"], found["wall_s"], clients)
    assert isinstance(child, Server)
    return asyncio.run(_crowd_at(child.port, clients))


async def _crowd_at(port: int, clients: int) -> Crowd:
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(TURN_S):
            # Each begins by words of its own: no cache holds what another client said.
            answers = await asyncio.gather(*(_client(port, number) for number in range(clients)))
    except TimeoutError as err:
        raise Absent(f"not done within {TURN_S:.0f} s") from err
    wall_s = time.perf_counter() - begun
    whole = [answer for answer in answers if answer is not None]
    if any(not answer.whole for answer in whole):
        raise Absent(f"a stream ended before {N_TOKENS} tokens")
    return crowd([answer.to_first_s for answer in whole], wall_s, clients)


async def _client(port: int, number: int) -> Answer | None:
    """One streamed answer; None if the server turned the client away."""
    try:
        return await ask(port, [{"role": "user", "content": prompt_of(number)}], N_TOKENS)
    except ConnectionRefusedError:
        return None


def crowd(first_s: list[float], wall_s: float, clients: int) -> Crowd:
    """What was measured, in the units that are told.

    :raises Absent: nobody had an answer.
    """
    if not first_s:
        raise Absent("all clients were turned away")
    first_ms, last_ms = statistics.median(first_s) * 1e3, max(first_s) * 1e3
    rate = len(first_s) * N_TOKENS / wall_s
    return Crowd(rate, first_ms, last_ms, clients - len(first_s))


def measure(model: Path, clients: int, args: argparse.Namespace) -> list[Taken[Crowd]]:
    """Every contender in turn. A first round fills what a first request has to fill."""
    settings = Settings(model.parent, args.rounds)
    binding = servers.llama_cpp(args.peer_python or sys.executable, model, _CONTEXT)
    starts: dict[str, Callable[[], Child]] = {
        OURS: partial(Server, servers.ours(model, _SLOTS, _CONTEXT)),
        ENGINE: partial(settings.worker, "engine", model.name),
        BINDING: partial(Server, binding),
    }
    taken = in_turns(starts, partial(turn, clients=clients), args.rounds + 1)
    for one in taken:
        del one.turns[:1]
    return taken


def show(title: str, taken: list[Taken[Crowd]], report: Report, *, crowded: bool) -> bool:
    """Print and note a table, and hold it against the targets where there is a crowd.

    :return: whether they are met.
    """
    print(f"\n{title}\n  {'':<24}" + "".join(f"{column:>26}" for column in COLUMNS))
    for one in taken:
        cells = ""
        for column, pick in COLUMNS.items():
            found = one.values(pick)
            report.add(title, one.name, column, found.values, one.absent)
            if found.values:
                low, high = min(found.values), max(found.values)
                cells += f"{f'{found.median:,.0f} ({low:,.0f} to {high:,.0f})':>26}"
        print(f"  {one.name:<24}{cells or '  not available (' + one.absent + ')'}")
    ours, engine, binding = (one.values(COLUMNS["tokens a second"]).values for one in taken)
    good = True
    if not crowded:
        return good
    for peer, name, target in ((engine, ENGINE, OF_ENGINE), (binding, BINDING, OF_BINDING)):
        ratios = by_round(ours, peer) if ours and peer else []
        what = f"{title}: tokens a second / {name}"
        good &= report.hold(what, ratios, target, at_most=False)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, action="append", help="repeatable")
    parser.add_argument("--only", choices=("tiny", "speed"))
    parser.add_argument("--models", type=Path, default=ROOT / "build" / "models")
    parser.add_argument("--peer-python", default=peer_python(), metavar="PATH")
    add_options(parser, rounds=5)
    args = parser.parse_args()
    report = Report("server", PACKAGES)
    print(report)
    models = {"tiny": lambda: TINY, "speed": lambda: Settings(args.models).model("speed-f32.gguf")}
    good = True
    for name in [args.only] if args.only else models:
        model = models[name]()
        for clients in args.clients or (1, 8, 200):
            title = f"`{name}`, {clients} client{'s' if clients > 1 else ''}"
            taken = measure(model, clients, args)
            good &= show(title, taken, report, crowded=clients >= _SLOTS)
    report.write(args.json)
    return 1 if args.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
