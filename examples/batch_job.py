"""A job of many requests that goes on where it was stopped.

    python examples/batch_job.py [folder]

The first call ends after five requests, as a machine might at any moment; the second one answers
the rest and sends nothing twice. In a shell: ``llm-kit batch in.jsonl out.jsonl``.
"""

import json
import sys
import tempfile
from pathlib import Path

from LLM import LLM
from serving import any_server


def write_requests(path: Path, n: int) -> None:
    """OpenAI's batch format: one request a line."""
    with path.open("w") as file:
        for number in range(n):
            body = {"messages": [{"role": "user", "content": f"What is {number} plus 1?"}]}
            line = {"custom_id": f"sum-{number}", "method": "POST", "url": "/v1/chat/completions"}
            file.write(json.dumps({**line, "body": {**body, "temperature": 0.0}}) + "\n")


with tempfile.TemporaryDirectory() as folder, any_server() as config, LLM(config) as llm:
    source = Path(sys.argv[1] if sys.argv[1:] else folder, "in.jsonl")
    output = source.with_name("out.jsonl")
    write_requests(source, 12)

    first = llm.batch(source, output, limit=5)
    print(f"first: {first.n_answered} of 12 answered")

    report = llm.batch(source, output, concurrency=8)
    print(f"again: {report.n_answered} answered, {report.n_resumed} of them before")
    for result in report.results:
        print(result.custom_id, result.text if result.error is None else result.error)
