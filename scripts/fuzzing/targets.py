"""All fuzz targets by name, each imported when it is asked for, so that one starts soon."""

from __future__ import annotations

from importlib import import_module

from fuzzing.target import Target

_HOMES = {
    "streams": ("events", "lines", "chunked", "chunks"),
    "provider_streams": ("openai_stream", "anthropic_stream", "gemini_stream", "ollama_stream"),
    "tool_calls": ("local_calls", "ollama_calls"),
    "model_files": ("gguf", "safetensors"),
    "schemas": ("local_schema", "cloud_schema"),
    "grammars": ("grammar",),
    "lockfiles": ("lockfile",),
    "jobs": ("batch_input", "batch_output", "cassette"),
    "texts": ("address", "retry_after", "form", "conversation", "env_file"),
}
NAMES = tuple(name for names in _HOMES.values() for name in names)


def find(name: str) -> Target:
    """The target of a name, one of `NAMES`."""
    home = next(home for home, names in _HOMES.items() if name in names)
    target: Target = import_module(f"fuzzing.{home}").TARGETS[name]
    return target
