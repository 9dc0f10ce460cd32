"""The lockfile as tools: what a model needs to advise on aliases, and to change them.

`lockfile_tools` gives the tools, `ADVISOR_PROMPT` says to a model how to use them. Changes stay in
memory until ``save_lockfile``, which writes the lockfile and nothing else.
"""

from __future__ import annotations

from llmring.mcp.server.lockfile.draft import AliasChange, LockfileDraft
from llmring.mcp.server.lockfile.prompt import ADVISOR_PROMPT
from llmring.mcp.server.lockfile.tools import draft_tools, lockfile_tools

__all__ = [
    "ADVISOR_PROMPT",
    "AliasChange",
    "LockfileDraft",
    "draft_tools",
    "lockfile_tools",
]
