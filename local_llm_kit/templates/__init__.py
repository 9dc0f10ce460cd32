"""Chat templates: the Jinja program in a model's file, run with bounds.

A template comes with the weights, so it is untrusted code. Jinja's immutable sandbox keeps it from
Python's internals (CVE-2024-34359 and its kin ran shell commands), but not from endless loops and
texts of gigabytes. `environment` therefore limits the size of every value that can grow before it
is made, by `bounds` and `filters`, and `template` counts the lines that run.
"""

from local_llm_kit.templates.template import CHATML, ChatTemplate

__all__ = ["CHATML", "ChatTemplate"]
