"""Any program that takes a base URL can use a local model: here OpenAI's own SDK.

    pip install openai
    python examples/openai_sdk.py

In a shell the same server is ``local-llm-kit serve --model tiny``.
"""

from openai import OpenAI

from local_llm_kit.server import LocalServer, ServerOptions

question = "What is the capital of France?"

with (
    LocalServer("tiny", ServerOptions(port=0)).running() as server,
    OpenAI(base_url=f"{server.url}/v1", api_key="not needed") as client,
):
    print([model.id for model in client.models.list()])

    answer = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": question}], temperature=0.0
    )
    print(answer.choices[0].message.content)

    response = client.responses.create(model="tiny", input=question, temperature=0.0)
    print(response.output_text)
