"""`python -m llmring.mcp.client` and the program `mcp-client`: a chat with the tools of servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from LLM.console import run_program


def main(args: Sequence[str] | None = None) -> None:
    """Run `llmring mcp chat` under the name `mcp-client`, with its exit codes.

    :param args: arguments without the program's name; None takes the process's own.
    :raises SystemExit: always.
    """
    run_program(_load, "mcp-client", args, extras="ring,mcp")


def _load() -> Any:
    from llmring.cli.terminal_chat.mcp_chat import mcp_chat

    return mcp_chat


if __name__ == "__main__":
    main()
