"""What spans the packages: the `llm-kit` command line, and jobs on many machines."""

from __future__ import annotations

__all__: list[str] = []
