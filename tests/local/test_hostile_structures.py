"""Schemas and grammars meant to do harm: a typed error or an answer, soon, and no signal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
#: Seconds of a whole child; a good day's is a tenth.
DEADLINE_S = 120

_CHILD = r"""
import json, resource, sys, time
from random import Random
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from LLM import InvalidRequestError
from local_llm_kit.arguments import Defaults, parse_chat
from local_llm_kit.engines.constraints import ConstraintCompiler
from local_llm_kit.grammars import grammar_of
from tests.local.hostile import hostile
from tests.local.test_constraints import Letters, written

vocabulary = Letters(words=(b"the", b'": "', b'{"', b" and", b"aaaaaaaa"))
compiler = ConstraintCompiler(vocabulary)
told, slowest = {"held": 0, "refused": 0}, (0.0, "")
for name, fields in hostile(sys.argv[1]):
    begin = time.process_time()
    try:
        body = {"messages": [{"role": "user", "content": "x"}], **fields}
        arguments = parse_chat(body, Defaults())
        grammar = compiler.compile(grammar_of(arguments.output, arguments.tool_choice))
        matcher, r = grammar.matcher(), Random(0)
        for _ in range(50):
            choices = [i for i, allowed in enumerate(matcher.allowed()) if allowed]
            assert choices, name
            if vocabulary.ends[token := r.choice(choices)]:
                break
            matcher.accept(token)
        told["held"] += 1
    except InvalidRequestError as err:
        assert len(str(err)) < 1000, name
        told["refused"] += 1
    slowest = max(slowest, (time.process_time() - begin, name))
print(json.dumps({**told, "seconds": slowest[0], "slowest": slowest[1]}))
"""


@pytest.mark.parametrize("kind", ["schemas", "patterns", "grammars", "tools"])
def test_no_input_kills_or_stalls_the_process(kind: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    told = json.loads(child.stdout)
    assert told["refused"] > 50
    assert told["held"] > 10
    assert told["seconds"] < 5, told["slowest"]
