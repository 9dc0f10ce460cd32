"""Three ways to read an answer while it is made.

    python examples/streaming.py

Leaving a stream's block early closes the connection, and with it the server's work.
"""

from LLM import LLM
from serving import any_server

question = [{"role": "user", "content": "Count from 1 to 20."}]

with any_server() as config, LLM(config) as llm:
    print("text:   ", end="")
    for text in llm.stream_text("Count from 1 to 5."):
        print(text, end="", flush=True)
    print()

    with llm.chat_completion(question, stream=True, temperature=0.0) as stream:
        n_chunks = sum(1 for _ in stream)
    # The stream has put the answer together meanwhile.
    print("whole:  ", stream.text)
    print("counts: ", n_chunks, "chunks,", stream.usage and stream.usage.total_tokens, "tokens")

    with llm.chat_completion(question, stream=True, temperature=0.0) as stream:
        for text in stream.iter_text():
            if "5" in text:
                break
    print("left at:", stream.text)
