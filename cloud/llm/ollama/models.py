"""Models of Ollama's library that are good to begin with."""

from __future__ import annotations

#: The model that is asked where neither client nor call names one.
OLLAMA_DEFAULT_MODEL = "qwen2.5:3b"

#: By name: `size` of the download, `context` in tokens, and what a model is `best_for`.
OLLAMA_RECOMMENDED_MODELS = {
    "qwen2.5:3b": {"size": "1.9GB", "context": "32K", "best_for": "General (default)"},
    "llama3.2:3b": {"size": "2.0GB", "context": "128K", "best_for": "Long context"},
    "codellama:7b": {"size": "3.8GB", "context": "16K", "best_for": "Code"},
}


def get_default_model() -> str:
    """The model that `OllamaClient` asks where none is named."""
    return OLLAMA_DEFAULT_MODEL


def get_recommended_models() -> dict[str, dict[str, str]]:
    """A copy of `OLLAMA_RECOMMENDED_MODELS`, for the caller to change."""
    return {name: dict(facts) for name, facts in OLLAMA_RECOMMENDED_MODELS.items()}
