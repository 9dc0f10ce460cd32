"""What ``LLM_DEBUG`` shows: all that goes over the wire, or into a local model, as it happens.

Each request makes a block when it is sent and another when it has ended, joined by a number. Keys
are masked, long texts cut, and what steers a terminal is escaped. Nothing here ends a call: what
cannot be written is left out.
"""

from LLM.transcript.exchange import Exchange
from LLM.transcript.layer import Transcript

__all__ = ["Exchange", "Transcript"]
