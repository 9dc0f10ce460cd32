"""What the functions behind the tools of a lockfile work on, and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from llmring.mcp.server.lockfile.draft import LockfileDraft
from llmring.mcp.server.lockfile.models import DraftModels


class Answer(NamedTuple):
    """What a tool says.

    :param text: for the model: short lines.
    :param structured: the same, for programs.
    """

    text: str
    structured: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the functions work on."""

    draft: LockfileDraft
    models: DraftModels
