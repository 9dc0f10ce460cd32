"""A job in a process that a test kills: ``killed_job.py URL INPUT OUTPUT KEEP_ORDER``."""

from __future__ import annotations

import sys

from LLM import LLM, LLMConfig


def main(url: str, source: str, output: str, keep_order: str) -> None:
    with LLM(LLMConfig(base_url=url, model="tiny", max_retries=0)) as llm:
        llm.batch(source, output, concurrency=8, progress=False, keep_order=keep_order == "True")


if __name__ == "__main__":
    main(*sys.argv[1:])
