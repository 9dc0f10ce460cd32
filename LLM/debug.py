"""The switch of the transcript: the environment variable ``LLM_DEBUG``, read by each new client.

Without it nothing of `LLM.transcript` is loaded, and a call costs what it did.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from LLM.transcript import Transcript

VARIABLE = "LLM_DEBUG"
#: What switches it off, beside an empty text.
_OFF = frozenset(("0", "false", "no", "off"))

_switching = threading.Lock()
_setting = ""
_transcript: Transcript | None = None


def heed_debug_setting() -> None:
    """Begin the transcript that ``LLM_DEBUG`` asks for, or end the one that it asked for before.

    :raises LLMConfigError: it names nothing that can be written to.
    """
    global _setting, _transcript
    setting = os.environ.get(VARIABLE, "").strip()
    if setting.lower() in _OFF:
        setting = ""
    if setting == _setting:
        return
    # Imported here: a program without a transcript does not pay for it.
    from LLM.transcript import Transcript

    with _switching:
        if setting != _setting:
            begun = Transcript.begin(setting) if setting else None
            if _transcript is not None:
                _transcript.end()
            _setting, _transcript = setting, begun


def transcript() -> Transcript | None:
    """What is written of calls now; None for nothing."""
    return _transcript


def note(text: str, *, of_last: bool = False) -> None:
    """Put a remark into the transcript, where there is one.

    :param of_last: it is about the request that this thread or task has sent last.
    """
    if _transcript is not None:
        _transcript.note(text, of_last=of_last)
