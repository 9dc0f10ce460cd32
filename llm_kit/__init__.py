"""What spans the packages: the `llm-kit` command line, tables, and jobs on many machines.

A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from llm_kit.batch import run_batch
    from llm_kit.prices import registry_price

# Which module each public name lives in.
_HOMES = {"llm_kit.batch": "run_batch", "llm_kit.prices": "registry_price"}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = ["registry_price", "run_batch"]
