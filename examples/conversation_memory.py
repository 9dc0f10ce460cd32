"""A local model that remembers what was said, also after a restart.

    python examples/conversation_memory.py [chats.db]

Without a file's name the conversation is gone at the end.
"""

import sys
import tempfile
from pathlib import Path

from local_llm_kit import LLMClient


def say(client: LLMClient, text: str) -> str:
    answer = client.chat.completions.create(messages=[{"role": "user", "content": text}])
    return str(answer.text)


with tempfile.TemporaryDirectory() as folder:
    path = sys.argv[1] if sys.argv[1:] else Path(folder, "chats.db")

    with LLMClient("tiny", temperature=0.0) as client:
        client.enable_memory(path=path, conversation="zoe", max_tokens=1000)
        print(say(client, "My name is Zoe."))

    # Another client, as in another process: the conversation is in the file.
    with LLMClient("tiny", temperature=0.0) as client:
        client.enable_memory(path=path, conversation="zoe", max_tokens=1000)
        print(say(client, "What is my name?"))
        print(client.conversations(), len(client.get_memory()), "messages")
