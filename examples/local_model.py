"""A model in this process: no server, no network, no key.

    python examples/local_model.py
    python examples/local_model.py path/to/model.gguf
    python examples/local_model.py owner/name:Q4_K_M

The first is the bundled model, of a few megabytes. The last is fetched from the Hugging Face hub
when it is first asked for.
"""

import sys

from local_llm_kit import LLMClient

with LLMClient(sys.argv[1] if sys.argv[1:] else "tiny") as client:
    print(client.memory_plan)

    answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
    print(answer.choices[0].message.content)

    question = [{"role": "user", "content": "What is the capital of France?"}]
    with client.chat.completions.create(messages=question, temperature=0.0, stream=True) as stream:
        for text in stream.iter_text():
            print(text, end="", flush=True)
    print()
