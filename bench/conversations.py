"""A store of conversations as it grows: listing, loading, adding a turn, searching, its size.

    python bench/conversations.py [--conversations 1000] [--turns 100] [--url DATABASE] [--check]

The database is filled in three steps (a quarter, a half, all), ten turns at a time all over the
conversations, as they grow in use. After each step every operation is done `--rounds` times; the
table gives the medians and the slowest in milliseconds. `--check` ends with exit status 1 when
listing or loading takes 20 ms in the median, or adding a turn takes 1.5 times as long when all are
there as when a quarter is: the median, since filling is at the mercy of whatever else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

from llmring.conversations import Conversation, ConversationFields, NewMessage, open_store
from llmring.conversations.sql.store import SQLStore

WORDS = "the red boat lies on a lake and nobody has seen it sail since last summer ended".split()
LIMIT_MS = 20.0
STEP_TURNS = 10


def turn(n: int) -> list[NewMessage]:
    """A question of some 30 words and an answer of some 100."""
    draw = random.Random(n)
    question = " ".join(draw.choices(WORDS, k=30))
    answer = " ".join(draw.choices(WORDS, k=100))
    return [
        NewMessage(role="user", content=question),
        NewMessage(role="assistant", content=answer, input_tokens=50, output_tokens=130, cost=1e-4),
    ]


async def fill(store: SQLStore, count: int, turns: int) -> tuple[list[Conversation], float]:
    """More conversations. :return: them, and microseconds a message."""
    made = [
        await store.create_conversation(ConversationFields(title=f"c{n}")) for n in range(count)
    ]
    batches = [[m for n in range(STEP_TURNS) for m in turn(k + n)] for k in range(50)]
    begin = time.perf_counter()
    for step in range(0, turns, STEP_TURNS):
        for n, one in enumerate(made):
            await store.append(one.id, batches[(n + step) % len(batches)])
    return made, (time.perf_counter() - begin) / (2 * count * turns) * 1e6


async def timed(work: Callable[[], Awaitable[object]], rounds: int) -> list[float]:
    """Milliseconds of each round."""
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - begin) * 1e3)
    return taken


def operations(
    store: SQLStore, everything: list[Conversation]
) -> dict[str, Callable[[], Awaitable[object]]]:
    """What is measured."""
    draw = random.Random(len(everything))

    def pick() -> UUID:
        return draw.choice(everything).id

    question, answer = turn(1)
    return {
        "list 20": lambda: store.list_conversations(20),
        "list 20, from the middle": lambda: store.list_conversations(20, len(everything) // 2),
        "load a conversation": lambda: store.messages(pick()),
        "load its last 20": lambda: store.messages(pick(), 20),
        "add a turn": lambda: store.append(pick(), [answer], context=[question]),
        "search, common": lambda: store.search("boat"),
        "search, rare": lambda: store.search("no such words"),
    }


async def run(url: str, count: int, turns: int, rounds: int) -> bool:
    """Fill and measure. :return: whether all is as it should be."""
    store = open_store(url, "bench")
    await store.list_conversations()
    everything: list[Conversation] = []
    turns_ms, good = [], True
    for goal in (count // 4, count // 2, count):
        made, us = await fill(store, goal - len(everything), turns)
        everything += made
        size = f", {Path(url).stat().st_size / 2**20:.0f} MiB" if Path(url).is_file() else ""
        print(f"\n{goal} conversations × {turns} turns: {us:.0f} µs to add a message{size}")
        work = operations(store, everything)
        for name, one in work.items():
            taken = await timed(one, rounds if "search" not in name else min(rounds, 5))
            median = statistics.median(taken)
            if name == "add a turn":
                turns_ms.append(median)
            good &= median < LIMIT_MS or not name.startswith(("list", "load"))
            print(f"  {name:26} {median:8.2f}   slowest {max(taken):8.2f}")
    await store.close()
    growth = turns_ms[-1] / turns_ms[0]
    print(f"\nadding a turn takes {growth:.2f} times as long at the end as at a quarter")
    return good and growth < 1.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--url", help="an empty database; an SQLite file in a temporary folder")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = args.url or str(Path(folder) / "bench.sqlite")
        good = asyncio.run(run(url, args.conversations, args.turns, args.rounds))
    return 1 if args.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
