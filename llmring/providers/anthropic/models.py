"""What Claude models take, by their names, for the registry does not say. Pure.

=============================  ==========================  =============  ==================
Claude                         thinks                      temperature    structured output
=============================  ==========================  =============  ==================
until 3.5                      never                       yes            by a forced tool
3.7 to 4.1                     with a budget of tokens     yes            by a forced tool
4.5                            with a budget of tokens     yes            yes
4.6                            as much as it sees fit      yes            yes
4.7 and 4.8                    as much as it sees fit      no             yes
from 5 on                      unless it is turned off     no             yes
Opus from 5.5 on, the others   always                      no             yes
=============================  ==========================  =============  ==================

4.6 takes a budget, too, which Anthropic advises against. The others are Fable and Mythos. Sonnet
from 5.5 on is turned off by another word than the rest.

Source: https://platform.claude.com/docs/en/build-with-claude/extended-thinking,
https://platform.claude.com/docs/en/build-with-claude/structured-outputs, and what is new in each
model, such as https://platform.claude.com/docs/en/models/sonnet-5-5/whats-new-sonnet-5-5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

#: Fewest tokens that can be a budget for thinking.
MIN_BUDGET = 1024
# "claude-opus-4-5-20251101", and older ones "claude-3-5-haiku-20241022"; a date is no version.
_NAME = re.compile(r"claude-(?:([a-z]+)-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?(?:-([a-z]+))?")
_ALWAYS_THINKING = frozenset({"fable", "mythos"})


@dataclass(frozen=True, slots=True)
class ClaudeModel:
    """A model by its name. One that is no Claude's, on a server of others, takes what 4.5 takes.

    :param family: ``opus``, ``sonnet``, …; empty where the name tells none.
    :param version: such as (4, 5).
    """

    family: str = ""
    version: tuple[int, int] = (4, 5)

    @property
    def can_think(self) -> bool:
        """Whether it can be asked to think."""
        return self.version >= (3, 7)

    @property
    def is_adaptive(self) -> bool:
        """Whether it decides by itself how much to think, and takes an effort."""
        return self.version >= (4, 6)

    @property
    def thinks_unasked(self) -> bool:
        """Whether it thinks unless it is told not to."""
        return self.version >= (5, 0)

    @property
    def takes_temperature(self) -> bool:
        """Whether it takes a temperature, while it does not think."""
        return self.version < (4, 7)

    @property
    def has_formats(self) -> bool:
        """Whether the API holds its answers to a JSON schema."""
        return self.version >= (4, 5)

    @property
    def without_thinking(self) -> dict[str, Any] | None:
        """The `thinking` that has it not think, empty for none; None where it always does."""
        if not self.thinks_unasked:
            return {}
        is_newer = self.version >= (5, 5)
        if self.family in _ALWAYS_THINKING or (self.family == "opus" and is_newer):
            return None
        return {"type": "between_tools" if self.family == "sonnet" and is_newer else "disabled"}


@lru_cache(maxsize=256)
def claude_model(name: str) -> ClaudeModel:
    """The model of that name."""
    found = _NAME.search(name)
    if found is None:
        return ClaudeModel()
    before, major, minor, after = found.groups()
    return ClaudeModel(before or after or "", (int(major), int(minor or 0)))
