"""How long the prompt of a chat is, for routes that only count."""

from __future__ import annotations

from local_llm_kit.arguments import ChatArguments
from local_llm_kit.backends import Backend
from local_llm_kit.output_format import messages_with_schema


def count_prompt(model: Backend, arguments: ChatArguments) -> int:
    """Tokens of the prompt that a chat makes. Renders and tokenises all of it.

    :raises LLMError: the model's template does not take the messages, or the model counts none.
    """
    messages = messages_with_schema(arguments.messages, arguments.output)
    if not arguments.continues:
        return model.count_tokens(messages, arguments.tools)
    n_before = model.count_tokens(messages[:-1], arguments.tools)
    return n_before + len(model.tokenize(messages[-1]["content"]))
