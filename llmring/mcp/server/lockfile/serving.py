"""The lockfile as an MCP server."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from urllib.parse import quote

from llmring.mcp.server.lockfile.aliases import profile_json
from llmring.mcp.server.lockfile.draft import LockfileDraft
from llmring.mcp.server.lockfile.prompt import ADVISOR_PROMPT
from llmring.mcp.server.lockfile.tools import draft_tools
from llmring.mcp.server.offers import Offer, OfferedPrompt, OfferedResource

URI = "llmring://lockfile"
_INSTRUCTIONS = (
    "Tools over the user's llmring lockfile, which says which models an alias such as 'fast' "
    "stands for. Changes stay in memory until save_lockfile; ask the user before it."
)


def lockfile_offer(
    path: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    *,
    registry_url: str | None = None,
) -> Offer:
    """The tools of a lockfile, the lockfile and its profiles to read, and the advisor's prompt.

    :param path: as for `lockfile_tools`, and so are the others.
    :raises LLMRingError: as `lockfile_tools`.
    """
    draft = LockfileDraft(path, profile)
    return Offer(
        "llmring-lockfile",
        draft_tools(draft, registry_url=registry_url),
        _INSTRUCTIONS,
        lambda: _resources(draft),
        [OfferedPrompt("advisor", "Advise on the aliases of the lockfile.", ADVISOR_PROMPT)],
    )


def _resources(draft: LockfileDraft) -> Sequence[OfferedResource]:
    whole = OfferedResource(
        URI,
        "lockfile",
        "The lockfile as save_lockfile would write it.",
        "application/toml",
        lambda: draft.text,
    )
    return [whole, *(_profile(draft, name) for name in draft.lockfile.profiles)]


def _profile(draft: LockfileDraft, name: str) -> OfferedResource:
    def read() -> str:
        return json.dumps(profile_json(draft.lockfile.profiles[name]), indent=1)

    return OfferedResource(
        f"{URI}/profiles/{quote(name, safe='')}",
        f"profile {name}",
        f"The aliases of profile {name} and their models.",
        "application/json",
        read,
    )
