"""Record what calls were answered, and replay it: tests without a network, keys or weights.

::

    from LLM import cassette

    with cassette("hello.jsonl"):
        ...  # calls of LLM, cloud clients, llmring and local models, the first time for real
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from LLM.cassettes.recorder import Cassette, cassette

_HOMES = {"LLM.cassettes.recorder": "Cassette cassette"}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = ["Cassette", "cassette"]
