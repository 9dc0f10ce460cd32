"""Jobs that the tests run, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from LLM import LLM, LLMConfig
from LLM.batch.report import BatchReport

KEY = "sk-test-0123456789"


def chat_line(custom_id: str, text: str = "Hello!", **fields: Any) -> dict[str, Any]:
    """A line of a job's input."""
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": text}], **fields}
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {name: value for name, value in body.items() if value is not None},
    }


def write(path: Path, lines: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def client(url: str, **settings: Any) -> LLM:
    settings = {"api_key": KEY, "model": "gpt-5", "max_retries": 3, "retry_delay": 1, **settings}
    return LLM(LLMConfig(base_url=url, **settings))


def run(url: str, folder: Path, **options: Any) -> BatchReport:
    """Run the job of ``in.jsonl`` in a folder."""
    options = {"engine": "provider", "progress": False, **options}
    with client(url) as llm:
        return llm.batch(folder / "in.jsonl", folder / "out.jsonl", **options)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def texts(folder: Path) -> dict[str, str]:
    """The answers of a job by custom_id; fails where an id has two lines."""
    found = {}
    for line in lines_of(folder / "out.jsonl"):
        assert line["custom_id"] not in found, "one line for each request"
        found[line["custom_id"]] = line["response"]["body"]["choices"][0]["message"]["content"]
    return found


def errors(folder: Path) -> dict[str, dict[str, Any]]:
    """The errors of a job by custom_id."""
    return {line["custom_id"]: line["error"] for line in lines_of(folder / "out.errors.jsonl")}


def notes(folder: Path) -> Path:
    """Where a job's notes are while it runs."""
    return folder / "out.jsonl.batches"
