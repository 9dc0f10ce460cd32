"""What to try of each extra in an environment that has this extra alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """What must work with an extra alone.

    :param code: Python that must run.
    :param commands: command lines of the environment's own programs that must end with 0.
    """

    code: str = "import LLM"
    commands: tuple[tuple[str, ...], ...] = ()


_HELLO = """
from local_llm_kit import LLMClient
with LLMClient("tiny") as client:
    messages = [{"role": "user", "content": "What is 7 plus 5?"}]
    text = client.chat.completions.create(messages=messages, temperature=0).text
    assert "12" in text, text
"""
#: Without any extra: every package imports, and a ring can be made.
BARE = "import LLM, ai, cloud.llm, llm_kit, local_llm_kit; from llmring import LLMRing; LLMRing()"

TRIALS = {
    "anthropic": Trial("import anthropic"),
    "async": Trial("from cloud.llm import AsyncOpenAICompatClient as C; C(api_key='x', model='y')"),
    "batch": Trial("import llm_kit.tables.parquet, pyarrow", (("llm-kit", "batch", "--help"),)),
    "cli": Trial(commands=(("llm-kit", "--help"), ("local-llm-kit", "--help"))),
    "google": Trial("import google.genai"),
    "hub": Trial("import local_llm_kit.hub, huggingface_hub"),
    "llama": Trial(_HELLO),
    "mcp": Trial("import llmring.mcp.client, llmring.mcp.server", (("mcp-client", "--help"),)),
    "ollama": Trial("import ollama, local_llm_kit.engines.ollama"),
    "openai": Trial("import openai"),
    "otel": Trial("import LLM; LLM.instrument()"),
    "postgres": Trial("import psycopg", (("llmring", "--help"),)),
    "ray": Trial("import llm_kit.ray, ray"),
    "ring": Trial(
        "import llmring.conversations.sql.engines",
        (("llmring", "--help"), ("llmring", "lock", "init"), ("llmring", "aliases")),
    ),
    "server": Trial("import starlette, uvicorn", (("local-llm-kit", "serve", "--help"),)),
}  # fmt: skip
#: Extras that bring torch, so they run when they are named.
WITH_TORCH = {
    "all": Trial(
        _HELLO + "import ray, mcp, openai, transformers",
        (
            ("local-llm-kit", "run", "--model", "tiny", "What is 7 plus 5?"),
            ("local-llm-kit", "doctor"),
            ("llmring", "--help"),
            ("llm-kit", "--help"),
            ("mcp-client", "--help"),
        ),
    ),
    "transformers": Trial(_HELLO),
}
#: Extras for working on llm-kit itself; `scripts/test` has all that is in them.
FOR_DEVELOPERS = frozenset({"docs", "train"})
