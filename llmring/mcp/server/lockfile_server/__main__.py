"""``python -m llmring.mcp.server.lockfile_server``."""

from __future__ import annotations

import sys

from llmring.__main__ import main

if __name__ == "__main__":
    main(["mcp", "lockfile-server", *sys.argv[1:]])
