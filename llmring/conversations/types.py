"""What a store of conversations holds and gives: conversations, their messages, calls.

All times are aware and in UTC. A time without a zone is taken for local time, as Python does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from llmring.schemas import Message, Role

#: How much of messages is kept: nothing, all but what they say, or all.
LoggingLevel = Literal["none", "metadata", "full"]
#: What calls are counted by.
Group = Literal["day", "model", "provider", "origin", "alias", "profile"]

#: Most characters of a title, an alias, an origin and the like.
MAX_NAME_CHARS = 1000
#: Most conversations, messages or calls that one question gives.
MAX_PAGE = 1000


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC.

    :raises ValueError: it is out of range there.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        pass
    raise ValueError("it is out of range in UTC")


def _short(name: str) -> str:
    if len(name) > MAX_NAME_CHARS:
        raise ValueError(f"it has {len(name)} characters, and may have {MAX_NAME_CHARS}")
    return name


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


Moment = Annotated[datetime, AfterValidator(in_utc)]
# pydantic's own limit on length refuses lone surrogates, which models do write.
Name = Annotated[str, AfterValidator(_short)]
# More than any call can have, and so little that sums stay within a 64-bit column.
Count = Annotated[int, Field(ge=0, le=2**42)]
Dollars = Annotated[float, Field(ge=0.0, le=10.0**9, allow_inf_nan=False)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=(), defer_build=True)


class ConversationFields(_Record):
    """What the caller says of a conversation.

    :param title: for lists.
    :param system_prompt: what each call of it begins with. It is kept at any logging level, being
        a setting and no message.
    :param model_alias: an alias or ``provider:model``; None takes the ring's default.
    :param temperature: 0.0 to 2.0; None leaves it to the provider.
    :param max_tokens: most tokens of an answer; None leaves it to the provider.
    :param metadata: further facts, as JSON has them.
    """

    title: Name | None = None
    system_prompt: str | None = None
    model_alias: Name | None = None
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    max_tokens: Count | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class Conversation(ConversationFields):
    """A conversation, without its messages.

    :param updated_at: when a message was last added, or a field changed.
    :param message_count: how many messages are kept.
    :param input_tokens: of all answers that are kept; so are `output_tokens` and `cost`.
    :param cost: dollars; calls whose cost is not known count as 0.
    """

    id: UUID
    created_at: Moment
    updated_at: Moment
    message_count: Count = 0
    input_tokens: Count = 0
    output_tokens: Count = 0
    cost: Dollars = 0.0


class NewMessage(_Record):
    """A message to keep: the fields of `llmring.Message`, and what is known of an answer.

    :param timestamp: when it was made; by default now.
    :param model: ``provider:model`` that gave the answer.
    :param cost: dollars; None where it is not known.
    """

    role: Role
    content: str | list[dict[str, Any]] | dict[str, Any] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    thinking_blocks: list[dict[str, Any]] | None = None
    reasoning: str | None = None
    metadata: dict[str, Any] | None = None
    timestamp: Moment = Field(default_factory=now)
    model: Name | None = None
    finish_reason: Name | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost: Dollars | None = None


class StoredMessage(NewMessage):
    """A message that is kept.

    :param position: its place in the conversation, from 1.
    :param logging_level: ``metadata`` where what it says was not kept.
    """

    position: int
    logging_level: LoggingLevel = "full"

    def to_message(self) -> Message:
        """The message, to be sent again.

        :raises ValueError: what it says was not kept.
        """
        return Message.model_validate(self.model_dump(include=set(Message.model_fields)))


class SearchHit(_Record):
    """A message, or a conversation's title, in which a text was found.

    :param position: the message's place; None where the title has the text.
    :param excerpt: the text and some of what stands around it.
    """

    conversation_id: UUID
    title: str | None
    position: int | None
    role: Role | None
    timestamp: Moment
    excerpt: str


class UsageRecord(_Record):
    """A call of a model, as the usage log has it.

    :param model: the provider's own name for it.
    :param input_tokens: all of the prompt, what was read from a cache included.
    :param cost: dollars; None where it is not known.
    :param origin: who called.
    :param alias: the alias that was asked; None for a model by its own name.
    :param id_at_origin: the caller's own name for the call.
    """

    id: UUID = Field(default_factory=uuid4)
    timestamp: Moment = Field(default_factory=now)
    model: Name
    provider: Name
    input_tokens: Count = 0
    output_tokens: Count = 0
    cached_input_tokens: Count = 0
    cost: Dollars | None = None
    origin: Name = "llmring"
    alias: Name | None = None
    profile: Name | None = None
    id_at_origin: Name | None = None
    conversation_id: UUID | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class UsageFilter(_Record):
    """Which calls are meant; None means any.

    :param since: from then on.
    :param until: before then.
    """

    since: Moment | None = None
    until: Moment | None = None
    model: str | None = None
    provider: str | None = None
    origin: str | None = None
    alias: str | None = None
    profile: str | None = None


class UsageTotals(_Record):
    """Some calls together.

    :param key: what they share (a day is ``YYYY-MM-DD`` in UTC, a model
        ``provider:model``); None in totals of all, and for
        calls without alias or profile.
    :param cost: dollars of the calls whose cost is known.
    :param unpriced: how many calls have no known cost.
    """

    key: str | None = None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
