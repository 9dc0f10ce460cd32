"""Shows a bar of two states, and ends as its argument says: a program for tests of terminals."""

from __future__ import annotations

import sys

from LLM.batch.bar import progress_display
from LLM.batch.types import BatchProgress

with progress_display() as show:
    assert show is not None
    for n in (1, 3):
        show(BatchProgress(4, 0, n, 0, 1, 100, 20, 0.5, 2.0))
    if sys.argv[1:] == ["fail"]:
        raise KeyboardInterrupt
