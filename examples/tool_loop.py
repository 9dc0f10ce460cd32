"""A model that calls functions: what it asks for is run, and the results go back to it.

    python examples/tool_loop.py

The same by one call, with functions in place of schemas, is in mcp_streaming_example.py.
"""

import json

from LLM import LLM
from serving import any_server

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def get_weather(city: str) -> dict[str, object]:
    return {"city": city, "sky": "sunny", "temp": 21}


messages: list[object] = [{"role": "user", "content": "What is the weather in Paris?"}]

with any_server() as config, LLM(config) as llm:
    for _ in range(5):  # a model may want several rounds
        answer = llm.chat_completion(messages, tools=[WEATHER], temperature=0.0)
        message = answer.choices[0].message
        messages.append(message)
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            arguments = json.loads(call.function.arguments)
            print("calls", call.function.name, arguments)
            result = json.dumps(get_weather(**arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    print("answers", answer.text)
