"""One target under atheris, until libFuzzer's own options end it: ``fuzzing TARGET CORPUS …``.

`scripts/fuzz` starts this with atheris on the path.
"""

from __future__ import annotations

import sys

import atheris

#: Whose lines lead the fuzzer; what else is imported runs as it is.
_OURS = ["LLM", "cloud", "llmring", "local_llm_kit", "fuzzing"]


def main() -> None:
    """Import the target with its lines counted, and fuzz it."""
    with atheris.instrument_imports(include=_OURS):
        from fuzzing.targets import find

        target = find(sys.argv[1])
    # Lets comparisons with texts and matches of patterns lead the fuzzer too.
    atheris.enabled_hooks.add("RegEx")
    atheris.enabled_hooks.add("str")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
