"""`llmring lock chat`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from LLM.extras import how_to_add
from llmring.cli.command import RingCommand
from llmring.cli.notes import DEMONSTRATION
from llmring.cli.options import path_option, registry_option
from llmring.cli.terminal_chat.opening import chat_options
from llmring.exceptions import ConfigurationError
from llmring.lockfile.names import PROVIDER_KEYS
from local_llm_kit.cli.terminal import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmring.cli.terminal_chat.session import Part
    from llmring.mcp.client.events import ToolUse
    from llmring.mcp.tools import Tool
    from llmring.service import LLMRing

_EXAMPLES = """\b
Examples:
  llmring lock chat
  llmring lock chat --path other.lock --model local:tiny
  echo "Bind the alias fast to openai:gpt-6-luna and save." | llmring lock chat --yes
"""

#: The alias that advises where none is named.
ADVISOR = "advisor"


@click.command("chat", cls=RingCommand, epilog=_EXAMPLES)
@chat_options
@path_option
@registry_option
def lock_chat(
    model: str | None,
    profile: str | None,
    all_allowed: bool,
    is_kept: bool,
    lockfile_path: str | None,
    registry_url: str | None,
) -> None:
    """Have a model advise on the lockfile, and change it.

    The model looks models and prices up, and binds aliases; what it changes is written when you say
    yes to saving it. Any model that calls tools will do; without --model it is the alias advisor.
    """
    from llmring.cli.terminal_chat.opening import Opening, chat
    from llmring.cli.terminal_chat.session import Part
    from llmring.lockfile.paths import BUNDLED
    from llmring.mcp.server.lockfile import ADVISOR_PROMPT, LockfileDraft, draft_tools
    from llmring.service import LLMRing

    draft = LockfileDraft(lockfile_path, profile)
    # The lockfile may be one that is only made here.
    ring = LLMRing(
        origin="llmring lock chat", lockfile_path=BUNDLED if draft.is_new else draft.path
    )
    asked_profile = _known(ring, profile)
    part = Part(ADVISOR_PROMPT, draft_tools(draft, registry_url=registry_url))
    small = _demonstration_part(part.tools)

    def part_of(model: str) -> Part:
        return small if _is_demonstration(ring, model, asked_profile) else part

    opening = Opening(
        model=_advisor(ring, asked_profile) if model is None else model,
        profile=asked_profile,
        part=part,
        part_of=part_of,
        folder="lockfile_chats",
        is_kept=is_kept,
        all_allowed=all_allowed,
        is_asked=_writes,
    )
    if _is_demonstration(ring, opening.model, asked_profile):
        note(f"({DEMONSTRATION} gives no advice; it saves when told to, /call calls any tool)")
    try:
        chat(ring, opening)
    finally:
        for change in draft.changes():
            note(f"not saved: {change}")


def _is_demonstration(ring: LLMRing, model: str, profile: str) -> bool:
    found = ring.aliases.resolve(model, profile, ring.providers.is_available)
    return found.model == DEMONSTRATION


def _demonstration_part(tools: Sequence[Tool]) -> Part:
    """What the demonstration model is given: with all tools and advice it says nothing of use.

    It was taught conversations with up to three tools in few words. With this one it saves in each
    of four wordings of being told to; with ``list_aliases`` beside it, it calls that.
    """
    from llmring.cli.terminal_chat.session import Part

    (save,) = (tool for tool in tools if tool.name == "save_lockfile")
    nothing = {"type": "object", "properties": {}, "required": []}
    return Part(
        tools=[replace(save, description="Save the lockfile", parameters=nothing)],
        temperature=0.0,
    )


def _writes(call: ToolUse) -> bool:
    """Whether a call changes more than what is in memory."""
    return call.name == "save_lockfile" and call.arguments.get("preview") is not True


def _known(ring: LLMRing, profile: str | None) -> str:
    """The profile whose aliases are asked: one that is only made here has none yet."""
    lockfile, name = ring.lockfile, ring.aliases.profile_name(profile)
    return name if name in lockfile.profiles else lockfile.default_profile


def _advisor(ring: LLMRing, profile: str) -> str:
    """Who advises where nobody is named: the alias for it, or else one that can be asked.

    :raises ConfigurationError: no model can be asked; says what to set or install.
    """
    from llmring.cli.question import default_model

    aliases = ring.list_aliases(profile)
    for alias in dict.fromkeys((ADVISOR, default_model(ring, profile), *aliases)):
        pool = aliases.get(alias, ())
        if any(ring.providers.is_available(model.partition(":")[0]) for model in pool):
            return alias
    if ring.providers.is_available("local"):
        note(f"(no alias has a model that can be asked; {DEMONSTRATION} answers, a demonstration)")
        return DEMONSTRATION
    *names, last = (variables[0] for variables in PROVIDER_KEYS.values())
    raise ConfigurationError(
        f"no model can be asked: set {', '.join(names)} or {last}, name one of Ollama's "
        f"(--model ollama:NAME), or {how_to_add('llama')} for models on this machine"
    )
