"""Typed decisions: questions about an input, answered with probabilities instead of text.

`arguments` checks a call and `input` its conversation, `prompts` puts a question to a model,
`answers` makes the model's scores an answer. What is in between is the engine's: each allowed
answer is one request that generates nothing and tells the scores of its own tokens.
"""

from __future__ import annotations

from local_llm_kit.decisions.answers import DecisionAnswer, ScoredQuestion
from local_llm_kit.decisions.arguments import DecisionArguments, parse_decision
from local_llm_kit.decisions.prompts import messages_with

__all__ = [
    "DecisionAnswer",
    "DecisionArguments",
    "ScoredQuestion",
    "messages_with",
    "parse_decision",
]
