"""A process that writes turns into a store and says which are safe; it is killed while it does.

Run as ``python memory_writer.py STORE CONVERSATION``.
"""

from __future__ import annotations

import itertools
import json
import os
import sys

from local_llm_kit.memory_store import Entry, MemoryStore


def main(path: str, name: str) -> None:
    store = MemoryStore(path)
    conversation = store.conversation(name)
    for number in itertools.count(len(store.history(conversation)) // 2):
        turn = [Entry(json.dumps({"role": role, "n": number}), b"k") for role in ("user", "bot")]
        assert store.append(conversation, turn)
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main(*sys.argv[1:])
