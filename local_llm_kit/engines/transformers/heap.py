"""Freed weights go back to the system."""

from __future__ import annotations

import ctypes


def trim_heap() -> None:
    """Give freed memory back.

    glibc keeps what was freed in pieces of up to 32 MiB: of a model of 67 MB all of it, and 0.1 MB
    after this. Other C libraries have no such call, and give more back by themselves.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return
    trim(ctypes.c_size_t(0))
