"""The environment of the peers that cannot be in ours: made, and found.

    python bench/peers.py

puts what `peers.txt` pins into `build/peers`: llmring 1.4.0, whose packages have our names, and
llama_cpp.server with what it needs. llama.cpp is compiled unless pip has it in its cache.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "peers"
PINS = Path(__file__).with_name("peers.txt")


def peer_python() -> str | None:
    """The peers' Python; None where it was not made."""
    python = FOLDER / "bin" / "python"
    return str(python) if python.exists() else None


def main() -> None:
    """Make the environment, or bring it up to date."""
    if peer_python() is None:
        venv.create(FOLDER, with_pip=True)
    pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    sys.exit(subprocess.run([*pip, "-r", str(PINS)], check=False).returncode)


if __name__ == "__main__":
    main()
