"""Python functions, offered to any MCP client.

    python examples/mcp_server.py

speaks over its standard input and output, so it is started by a client: by mcp_chat_example.py, by
``llmring mcp chat --server examples/mcp_server.py``, or by a desktop program.
"""

import asyncio

from llmring.mcp.client import tool_of
from llmring.mcp.server import Offer, serve_stdio


def get_weather(city: str) -> str:
    """Get the weather in a city.

    :param city: its name, without the country.
    """
    return f"It is sunny in {city}, 21 degrees."


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


if __name__ == "__main__":
    asyncio.run(serve_stdio(Offer("examples", [tool_of(get_weather), tool_of(add)])))
