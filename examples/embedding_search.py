"""Search by meaning: texts and a question become vectors, the nearest text is the answer.

    python examples/embedding_search.py "The boat is on the sea."

The bundled model finds texts of like words; take an embedding model for like meanings.
"""

import sys
from typing import Any

from local_llm_kit import LLMClient

TEXTS = [
    "The boat is on the lake.",
    "My name is Zoe.",
    "What is 7 plus 5?",
    "The capital of France is Paris.",
]


def likeness(one: Any, other: Any) -> float:
    """Cosine of two vectors of length 1."""
    return float(sum(a * b for a, b in zip(one, other, strict=True)))


with LLMClient("tiny") as client:
    kept = client.embeddings.create(input=TEXTS).data
    question = sys.argv[1] if sys.argv[1:] else "The boat is on the sea."
    (asked,) = client.embeddings.create(input=question).data

scores = [likeness(asked.embedding, one.embedding) for one in kept]
for score, text in sorted(zip(scores, TEXTS, strict=True), reverse=True):
    print(f"{score:.3f} {text}")
