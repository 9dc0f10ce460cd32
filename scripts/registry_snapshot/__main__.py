"""Make the registry that llmring bundles, from genai-prices' list.

    scripts/make-registry-snapshot [--out FOLDER] [--date 2026-11-21]

A file's version goes up by one when its models change; otherwise the file stays as it is.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from llmring.registry.reading import read_catalog
from registry_snapshot.abilities import OLLAMA, abilities
from registry_snapshot.prices import priced_models, provider_named

OUT = Path(__file__).parents[2] / "llmring/registry/data"
PROVIDERS = ("anthropic", "google", "ollama", "openai")
LICENSE_NAME = "LICENSE-genai-prices"
# Names of chat models that the list has under a reasoning model, whose price they share.
_CHAT_MARK = "-chat"


def models_of(provider: str, day: datetime.date) -> dict[str, dict[str, Any]]:
    """The registry's entries of a provider, by ``provider:model``."""
    entries = _local() if provider == "ollama" else _priced(provider, day)
    return {
        f"{provider}:{entry['model_name']}": {
            "provider": provider,
            **{name: value for name, value in entry.items() if value not in (None, [])},
        }
        for entry in sorted(entries, key=lambda entry: str(entry["model_name"]))
    }


def _priced(provider: str, day: datetime.date) -> list[dict[str, Any]]:
    entries = []
    for entry in priced_models(provider_named(provider), day):
        name, names = entry["model_name"], entry["model_aliases"]
        known = abilities(provider, name)
        chats = (
            [one for one in names if _CHAT_MARK in one] if known.get("supports_thinking") else []
        )
        entries.append({**entry, "model_aliases": [n for n in names if n not in chats], **known})
        if chats:
            chat = {"model_name": chats[0], "display_name": chats[0], "model_aliases": chats[1:]}
            entries.append({**entry, **chat, "is_reasoning_model": False})
    return entries


def _local() -> list[dict[str, Any]]:
    free = {"dollars_per_million_tokens_input": 0.0, "dollars_per_million_tokens_output": 0.0}
    return [
        {"model_name": name, "display_name": name, **free, **facts}
        for name, facts in OLLAMA.items()
    ]


def source_of(provider: str) -> dict[str, str]:
    """Whom the prices are from."""
    if provider == "ollama":
        return {"name": "llm-kit"}
    return {
        "name": "genai-prices",
        "version": importlib.metadata.version("genai-prices"),
        "url": "https://github.com/pydantic/genai-prices",
        "license": "MIT, Copyright (c) Pydantic Services Inc. 2025 to present",
    }


def as_text(provider: str, version: int, day: datetime.date, models: dict[str, Any]) -> str:
    """A registry's file, one model a line so that changes can be reviewed."""
    head = {
        "provider": provider,
        "version": version,
        "updated_at": day.isoformat(),
        "source": source_of(provider),
    }
    top = "".join(f"  {json.dumps(name)}: {json.dumps(value)},\n" for name, value in head.items())
    lines = ",\n".join(f"    {json.dumps(ref)}: {json.dumps(one)}" for ref, one in models.items())
    return f'{{\n{top}  "models": {{\n{lines}\n  }}\n}}\n'


def write(provider: str, out: Path, day: datetime.date) -> bool:
    """Write a provider's file. :return: whether its models have changed."""
    path = out / f"{provider}.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {"version": 0}
    models = models_of(provider, day)
    if before.get("models") == models:
        return False
    text = as_text(provider, before["version"] + 1, day, models)
    # What llmring could not read must not be written.
    if len(read_catalog(text.encode(), provider, str(path))) != len(models):
        raise SystemExit(f"error: some entries of {provider} cannot be read; see above")
    path.write_text(text, "utf-8")
    return True


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the registry that llmring bundles.")
    parser.add_argument("--out", type=Path, default=OUT, help="folder (default: llmring's)")
    parser.add_argument(
        "--date", type=datetime.date.fromisoformat, help="day whose prices are taken (today)"
    )
    options = parser.parse_args(arguments)
    day = options.date or datetime.datetime.now(datetime.UTC).date()
    options.out.mkdir(parents=True, exist_ok=True)
    for provider in PROVIDERS:
        state = "changed" if write(provider, options.out, day) else "as before"
        print(f"{options.out / f'{provider}.json'}: {state}", file=sys.stderr)
    (options.out / LICENSE_NAME).write_text(_license(), "utf-8")


def _license() -> str:
    text = importlib.metadata.distribution("genai-prices").read_text("licenses/LICENSE")
    if not text:
        raise SystemExit("error: the installed genai-prices has no licence text")
    return text


if __name__ == "__main__":
    main()
