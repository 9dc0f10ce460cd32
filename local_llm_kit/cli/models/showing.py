"""`local-llm-kit models show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from local_llm_kit.cli.command import Command
from local_llm_kit.cli.model_names import complete_model
from local_llm_kit.cli.models.finding import find_here
from local_llm_kit.cli.options import json_option, load_options
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import printable_line

if TYPE_CHECKING:
    from local_llm_kit.model_facts import ModelFacts

_EXAMPLES = """\b
Examples:
  local-llm-kit models show tiny
  local-llm-kit models show tiny --backend transformers --json
"""


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("name", shell_complete=complete_model)
@load_options("backend")
@json_option
def show(name: str, backend: str | None, as_json: bool) -> None:
    """Show what a model's files say about it. Nothing is loaded, and nothing downloaded."""
    from local_llm_kit.model_facts import describe

    facts = describe(find_here(name, backend))
    if as_json:
        echo_json(
            asdict(facts)
            | {
                "files": [{"path": path, "size_bytes": size} for path, size in facts.files],
                "size_bytes": facts.size_bytes,
                "bits_per_weight": round(facts.bits_per_weight, 2),
            }
        )
        return
    for heading, text in _lines(facts):
        click.echo(f"{heading:14}{printable_line(text)}")


def _lines(facts: ModelFacts) -> list[tuple[str, str]]:
    from local_llm_kit.memory_plan import format_bytes
    from local_llm_kit.model_facts import format_parameters

    stored = f"{facts.quantization or 'not told'}, {facts.bits_per_weight:.1f} bits a weight"
    lines = [
        ("name", facts.name),
        ("title", facts.title),
        ("license", facts.license),
        ("from", facts.source),
        ("architecture", facts.architecture),
        ("parameters", format_parameters(facts.n_params, 2)),
        ("stored as", stored),
        ("window", f"{facts.n_ctx_train:,} tokens" if facts.n_ctx_train else "not told"),
        ("vocabulary", f"{facts.n_vocab:,} tokens"),
        ("layers", f"{facts.n_layers}, {facts.n_embd:,} wide"),
        ("template", "yes" if facts.chat_template else "no; ChatML is used"),
        ("can do", ", ".join(facts.capabilities)),
        ("not planned", ", ".join(facts.unmodelled)),
        ("size", format_bytes(facts.size_bytes)),
        ("commit", facts.revision),
        ("sha256", facts.sha256),
        *(("file", f"{path} ({format_bytes(size)})") for path, size in facts.files),
    ]
    return [(heading, text) for heading, text in lines if text]
