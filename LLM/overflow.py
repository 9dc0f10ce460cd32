"""What to do with a conversation that does not fit: one set of policies for every package.

A conversation is cut by whole turns. A turn is a user's message and all that answers it, so that
what is kept starts with a user and no tool result stands without its call. Before the first user's
message, each message is a turn of its own. The last turn is never dropped, system messages never.

========================  =======================================================================
``error``                 nothing is dropped; what does not fit raises
``drop_oldest``           the oldest turns go
``drop_middle``           the oldest turns but the first go, the first only after them
``summarise``             the oldest turns go, and a note in their place says what they said
========================  =======================================================================

Counting may cost a tokenizer's run over everything, so the cut is found by bisection: a
conversation of n turns is counted about log2(n) + 2 times.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from LLM.exceptions import InvalidRequestError, LLMContextLengthError
from LLM.steps import run_steps

#: Names of the policies.
OverflowPolicy = Literal["error", "drop_oldest", "drop_middle", "summarise"]
POLICIES: tuple[OverflowPolicy, ...] = get_args(OverflowPolicy)

#: How a note begins that stands for turns that were dropped. The next one takes it in.
NOTE_HEADING = "Summary of the conversation so far: "
#: Tokens that are left free for a note, where there is so much room.
NOTE_TOKENS = 256

ChatMessage = Mapping[str, Any]
Count = Callable[[Sequence[ChatMessage]], int]
Summarise = Callable[[Sequence[ChatMessage]], str]
#: What was made of a conversation: the messages to send, and what was dropped, None for nothing.
Fitted = tuple[list[ChatMessage], "Overflow | None"]

_SYSTEM_ROLES = frozenset(("system", "developer"))
_RESULT_ROLES = frozenset(("tool", "function"))
# A note from an earlier cut is no turn, and goes with the first turn that does.
_NOTE = -1


@dataclass(frozen=True, slots=True)
class Overflow:
    """What was dropped from a conversation so that it fits.

    :param policy: the policy that dropped it.
    :param budget: tokens that the messages may take.
    :param tokens_before: tokens of all messages.
    :param tokens_after: tokens of the messages that were sent, a summary among them.
    :param n_messages: messages dropped.
    :param n_tokens: tokens dropped.
    :param summary: text of the note that stands for what was dropped; None when there is none.
    :param estimated: the counts are an estimate, not the model's own.
    """

    policy: OverflowPolicy
    budget: int
    tokens_before: int
    tokens_after: int
    n_messages: int
    n_tokens: int
    summary: str | None = None
    estimated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return asdict(self)

    @classmethod
    def read(cls, value: Any) -> Any:
        """The report that `to_dict` wrote; anything else as it is, for servers have words too."""
        if isinstance(value, dict) and value.keys() == {field.name for field in fields(cls)}:
            return cls(**value)
        return value


def check_policy(policy: Any) -> OverflowPolicy:
    """:raises InvalidRequestError: `policy` is none of `POLICIES`."""
    for known in POLICIES:
        if policy == known:
            return known
    shown = repr(policy[:40]) if isinstance(policy, str) else f"a {type(policy).__name__}"
    raise InvalidRequestError(
        f"overflow is {shown}; give one of {', '.join(map(repr, POLICIES))}", status_code=400
    )


def fit_messages(
    messages: Sequence[ChatMessage],
    budget: int,
    count: Count,
    policy: OverflowPolicy = "error",
    *,
    summarise: Summarise | None = None,
    estimated: bool = False,
) -> Fitted:
    """Cut a conversation to a number of tokens.

    :param messages: dicts with `role` and `content`, oldest first; not changed.
    :param budget: tokens that the messages may take.
    :param count: tokens of the messages given to it.
    :param policy: one of `POLICIES`.
    :param summarise: gives the text for a list of dropped messages; the policy of that name needs
        it. A text that is too long is cut.
    :param estimated: `count` estimates; the report then says so.
    :return: the messages to send, and what was dropped: None when everything fits.
    :raises LLMContextLengthError: what may not be dropped does not fit; tells both sizes.
    :raises InvalidRequestError: no such policy, or `summarise` is missing.
    """
    if check_policy(policy) == "summarise" and summarise is None:
        raise InvalidRequestError("overflow is 'summarise', but there is nothing that summarises")
    steps = fitting(messages, budget, count, policy, estimated=estimated)
    # Only the policy that was just checked asks for a summary.
    return run_steps(steps, summarise or str)


def fitting(
    messages: Sequence[ChatMessage],
    budget: int,
    count: Count,
    policy: OverflowPolicy,
    *,
    estimated: bool = False,
) -> Generator[Sequence[ChatMessage], str, Fitted]:
    """`fit_messages` as steps, see `LLM.steps`: yields dropped messages, is sent their summary."""
    before = count(messages)
    if before <= budget:
        return list(messages), None
    if policy == "error":
        raise _too_long(
            f"the messages take {before:,} tokens, but {budget:,} are free for them; shorten them, "
            f"or choose what to drop: overflow={', '.join(map(repr, POLICIES[1:]))}"
        )
    cut = _Cut(messages, count, policy)
    n_turns = cut.least(budget, reserve=NOTE_TOKENS if policy == "summarise" else 0)
    kept, n_kept = cut.kept(n_turns), cut.size(n_turns)
    note, n_after = None, n_kept
    if policy == "summarise":
        text = (yield cut.dropped(n_turns)).strip()
        note, n_after = _note_that_fits(kept, n_kept, text, budget, count)
    return (kept if note is None else _with_note(kept, note)), Overflow(
        policy=policy,
        budget=budget,
        tokens_before=before,
        tokens_after=n_after,
        n_messages=len(messages) - len(kept),
        n_tokens=before - n_kept,
        summary=note,
        estimated=estimated,
    )


def note_message(summary: str) -> dict[str, Any]:
    """The message that stands for what was dropped."""
    return {"role": "system", "content": NOTE_HEADING + summary}


def is_system(message: ChatMessage) -> bool:
    """Whether a message instructs the model, and so is kept whatever else goes."""
    return message.get("role") in _SYSTEM_ROLES


def is_note(message: ChatMessage) -> bool:
    """Whether a message is a note that an earlier cut left."""
    content = message.get("content")
    return is_system(message) and isinstance(content, str) and content.startswith(NOTE_HEADING)


def turns_of(messages: Sequence[ChatMessage]) -> list[int | None]:
    """For each message the number of its turn, from 0; None for system messages.

    A tool's result belongs to the turn of its call, wherever it stands.
    """
    turns: list[int | None] = []
    turn, user_seen = -1, False
    turn_of_call: dict[str, int] = {}
    for message in messages:
        if is_system(message):
            turns.append(None)
            continue
        is_user, is_result = message.get("role") == "user", message.get("role") in _RESULT_ROLES
        if turn < 0 or is_user or not (user_seen or is_result):
            turn += 1
        user_seen = user_seen or is_user
        turn_of_call.update(dict.fromkeys(_calls_made(message), turn))
        answered = message.get("tool_call_id") or message.get("name")
        turns.append(turn_of_call.get(str(answered), turn) if is_result else turn)
    return turns


def calls_of(message: ChatMessage) -> Sequence[Any]:
    """An assistant's tool calls; none where what stands there is no list, as servers will say."""
    calls = message.get("tool_calls")
    return calls if isinstance(calls, list | tuple) else ()


def _calls_made(message: ChatMessage) -> Iterator[str]:
    """Ids of an assistant's tool calls; a legacy function call has only its name."""
    for call in calls_of(message):
        yield str(_field(call, "id"))
    if message.get("function_call"):
        yield str(_field(message["function_call"], "name"))


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


class _Cut:
    """Ways to cut one conversation, from the least to the most that may be dropped."""

    def __init__(
        self, messages: Sequence[ChatMessage], count: Count, policy: OverflowPolicy
    ) -> None:
        self._messages = messages
        self._count = count
        folds = policy == "summarise"
        self._turns = [
            _NOTE if folds and is_note(message) else turn
            for message, turn in zip(messages, turns_of(messages), strict=True)
        ]
        last = max((turn for turn in self._turns if turn is not None), default=0)
        oldest_first = list(range(last))
        first = 1 if policy == "drop_middle" else 0
        self._order = oldest_first[first:] + oldest_first[:first]
        if not self._order and _NOTE in self._turns:
            self._order = [_NOTE]
        self._sizes: dict[int, int] = {}

    def least(self, budget: int, reserve: int) -> int:
        """How many turns must go for the rest to fit.

        :param reserve: tokens of the budget to leave free: at most a quarter of it, and only where
            the last turn leaves so many.
        :raises LLMContextLengthError: what may not be dropped does not fit.
        """
        n_all = len(self._order)
        for limit in (budget - min(reserve, budget // 4), budget):
            n_turns = bisect_left(range(n_all + 1), -limit, key=lambda n: -self.size(n))
            if n_turns <= n_all:
                return n_turns
        raise _too_long(
            f"the messages take {self.size(0):,} tokens, and {self.size(n_all):,} without all that "
            f"may be dropped, but {budget:,} are free for them; shorten the system messages or the "
            "last turn"
        )

    def size(self, n_turns: int) -> int:
        """Tokens of what is left when the first `n_turns` in order are dropped."""
        if n_turns not in self._sizes:
            self._sizes[n_turns] = self._count(self.kept(n_turns))
        return self._sizes[n_turns]

    def kept(self, n_turns: int) -> list[ChatMessage]:
        """What is left when the first `n_turns` in order are dropped."""
        gone = self._gone(n_turns)
        return [m for m, turn in zip(self._messages, self._turns, strict=True) if turn not in gone]

    def dropped(self, n_turns: int) -> list[ChatMessage]:
        """What goes when the first `n_turns` in order are dropped."""
        gone = self._gone(n_turns)
        return [m for m, turn in zip(self._messages, self._turns, strict=True) if turn in gone]

    def _gone(self, n_turns: int) -> set[int | None]:
        return {*self._order[:n_turns], *([_NOTE] if n_turns else [])}


def _with_note(kept: list[ChatMessage], text: str) -> list[ChatMessage]:
    """`kept` with a note behind the system messages at its head, where templates expect it."""
    n_head = next((i for i, message in enumerate(kept) if not is_system(message)), len(kept))
    return [*kept[:n_head], note_message(text), *kept[n_head:]]


def _note_that_fits(
    kept: list[ChatMessage], n_kept: int, text: str, budget: int, count: Count
) -> tuple[str | None, int]:
    """The longest beginning of `text` for which there is room, and the tokens with it."""

    def size(n_chars: int) -> int:
        return count(_with_note(kept, text[:n_chars])) if n_chars else n_kept

    n_after = size(len(text))
    if n_after > budget:
        n_chars = bisect_right(range(len(text) + 1), budget, key=size) - 1
        text, n_after = text[:n_chars], size(n_chars)
    return text or None, n_after


def _too_long(message: str) -> LLMContextLengthError:
    return LLMContextLengthError(message, status_code=400, code="context_length_exceeded")
