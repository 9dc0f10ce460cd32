"""One target under atheris: ``fuzzing TARGET CORPUS FOUND`` and libFuzzer's own options.

`scripts/fuzz` starts this with atheris on the path.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

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
    found = Path(sys.argv[3])

    def check(data: bytes) -> None:
        try:
            target.check(data)
        except Exception:
            # libFuzzer keeps what hangs or takes too much memory; of this it forgets some.
            (found / f"broke-{hashlib.sha1(data).hexdigest()}").write_bytes(data)
            raise

    atheris.Setup([sys.argv[0], *sys.argv[2:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
