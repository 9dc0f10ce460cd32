"""`llm-kit completion`."""

from __future__ import annotations

from local_llm_kit.cli.completion import completion_command

completion = completion_command("llm-kit")
