"""Text with all keys taken out: those that clients hold now, and whatever looks like one.

Transcripts and logs pass through here. Errors name their own client's key and need less, see
`LLM.secrets`.
"""

from __future__ import annotations

import math
import re
import threading
import weakref
from collections.abc import Mapping
from typing import Any, Protocol

from LLM.secrets import MASK, keys_of, scrub_query, scrub_text

#: Names of headers and fields whose values are keys. Numbers of tokens have none.
_SECRET_NAME = re.compile(
    r"auth(?!or(?!iz))|cookie|credential|passw|secret|token(?!s|iz)|(?<![a-z])(api.?)?keys?$",
    re.IGNORECASE,
)
# A shorter text is no key that opens anything, and cutting it out of all logs would garble them.
_MIN_LIVE_CHARS = 8

#: Keys by their spelling: OpenAI, Anthropic, OpenRouter; Groq; Google; Hugging Face; xAI;
#: Perplexity; NVIDIA; GitHub; AWS; our own server; JSON web tokens.
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[\w-]{8,}|gsk_\w{8,}|AIza[\w-]{16,}|hf_\w{16,}|xai-[\w-]{16,}"
    r"|pplx-\w{16,}|nvapi-[\w-]{16,}|gh[opsru]_\w{16,}|github_pat_\w{16,}|AKIA[0-9A-Z]{12,}"
    r"|llmr_\w{16,})"
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
)
#: Keys by what stands before them, which is kept (group 1).
_INTRODUCED = re.compile(
    r"""((?:
        (?<![a-z])bearer\s+
      | (?<![a-z])basic\s+(?=[\w+/=]{16})
      | (?<![a-z])(?:api|access|auth|secret|private|admin)[-_ ]?(?:key|token)s?["']?\s*[:=]\s*["']?
      | (?<![a-z])(?:authorization|passwd|password|secret)["']?\s*[:=]\s*["']?(?:b\w+\s+)?
    ))[^\s"'<>,;&*]{4,}""",
    re.IGNORECASE | re.VERBOSE,
)
#: A long number behind the word key.
_NUMBER = re.compile(r"(?i)(key\W{1,4})[0-9a-f]{16,}")
#: User and password of an address.
_USER = re.compile(r"(://)[^\s/@:]+:[^\s/@]+(?=@)")


class KeyHolder(Protocol):
    """Something that sends a key with each request: a transport."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every request, of which those with keys are `Secret`."""
        ...


# A log's formatter may run in the middle of anything, by the garbage collector's doing.
_lock = threading.RLock()
_holders: weakref.WeakSet[KeyHolder] = weakref.WeakSet()


def remember_keys(holder: KeyHolder) -> None:
    """Have the holder's keys masked in every transcript and log for as long as it lives."""
    with _lock:
        _holders.add(holder)


def live_keys() -> tuple[str, ...]:
    """The keys of all clients there are, each once; as `Secret`, so that they do not print."""
    with _lock:
        holders = list(_holders)
    found = {key for holder in holders for key in keys_of(holder.headers)}
    # The longest first: one may be the beginning of another.
    longest = sorted(found, key=len, reverse=True)
    return tuple(key for key in longest if len(key) >= _MIN_LIVE_CHARS)


def is_secret_name(name: str) -> bool:
    """Whether a header or a field of this name holds a key."""
    return _SECRET_NAME.search(name) is not None


def redacted(text: str, keys: tuple[str, ...] | None = None) -> str:
    """The text with a mask for each key.

    :param keys: those of `live_keys`, for who has many texts; None asks for them.
    """
    keys = live_keys() if keys is None else keys
    text = scrub_query(scrub_text(text, keys))
    text = _KEY.sub(MASK, text)
    text = _INTRODUCED.sub(rf"\1{MASK}", text)
    text = _NUMBER.sub(rf"\1{MASK}", text)
    return _USER.sub(rf"\1{MASK}", text)


def redacted_value(value: Any, keys: tuple[str, ...] | None = None, *, depth: int = 32) -> Any:
    """A copy of what JSON can hold, with masks for keys; other things become their text.

    :param keys: as in `redacted`.
    :param depth: how deep lists and dicts may be nested; what is deeper is left out.
    """
    keys = live_keys() if keys is None else keys
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        # JSON has no word for the others.
        return value if math.isfinite(value) else str(value)
    if depth and isinstance(value, Mapping):
        fields = {}
        for name, item in value.items():
            hidden = is_secret_name(str(name)) and not _is_plain(item)
            shown = MASK if hidden else redacted_value(item, keys, depth=depth - 1)
            fields[redacted(str(name), keys)] = shown
        return fields
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return [redacted_value(item, keys, depth=depth - 1) for item in value]
    try:
        return redacted(str(value), keys) if depth else "…"
    except Exception as err:  # noqa: BLE001  # an object of anybody's, with any `__str__`
        return f"<{type(value).__name__}, whose text raises {type(err).__name__}>"


def _is_plain(value: Any) -> bool:
    """Whether it is a number or the like, which is no key."""
    return value is None or isinstance(value, (bool, int, float))
