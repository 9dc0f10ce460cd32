"""Checks that libraries work with nothing but the address of a server set.

The libraries are many and large, so they live in an environment of their own::

    python -m venv compat
    compat/bin/pip install instructor langchain-openai litellm llm 'pydantic-ai-slim[openai]'
    local-llm-kit serve --model tiny --port 8123 &
    compat/bin/python -m tests.compat http://127.0.0.1:8123

A line a check; the exit code is 1 where one failed or a library is missing.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable

LIBRARIES = ("langchain", "instructor", "pydantic_ai", "litellm", "llm")


def _passes(name: str, check: Callable[[str], None], url: str) -> bool:
    try:
        check(url)
    except Exception:  # noqa: BLE001 (whatever a library raises is what failed)
        print(f"FAIL  {name}\n{traceback.format_exc()}")
        return False
    print(f"ok    {name}")
    return True


def _checks(library: str) -> tuple[Callable[[str], None], ...]:
    checks: tuple[Callable[[str], None], ...]
    checks = importlib.import_module(f"tests.compat.{library}_checks").CHECKS
    return checks


def main(arguments: list[str]) -> int:
    """Run the checks of all libraries, or of those that are named after the address."""
    if not arguments:
        sys.exit("usage: python -m tests.compat URL [LIBRARY …]")
    url, *libraries = arguments
    results = []
    for library in libraries or LIBRARIES:
        try:
            checks = _checks(library)
        except ImportError as err:
            print(f"FAIL  {library}: {err}")
            results.append(False)
            continue
        results += [_passes(f"{library}: {one.__name__}", one, url) for one in checks]
    print(f"{sum(results)} of {len(results)} passed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
