"""What the tests of `local-llm-kit models` share."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from local_llm_kit.cli import cli

Q4 = "tiny-Q4_K_M.gguf"


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["models", *arguments], input=stdin)


def as_json(*arguments: str, stdin: str | None = None) -> Any:
    return json.loads(run(*arguments, "--json", stdin=stdin).stdout)
