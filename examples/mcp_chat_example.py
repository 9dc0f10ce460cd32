"""A model that uses the tools of an MCP server.

    python examples/mcp_chat_example.py
    python examples/mcp_chat_example.py --server https://example.com/mcp "What can you do?"

The server is mcp_server.py beside this file, unless an address or a script is given. The alias
`fast` answers: the provider whose key is set, else the bundled model.
"""

import argparse
import asyncio
from pathlib import Path

from llmring import Message
from llmring.mcp.client import ToolUse, create_enhanced_llm


def approve(call: ToolUse) -> bool:
    """Where it matters what a tool does, ask here."""
    print("calls", call.name, call.arguments)
    return True


async def main(server: str, question: str) -> None:
    async with await create_enhanced_llm("fast", mcp_servers=[server], approve=approve) as llm:
        print("tools:", [tool.name for tool in llm.tools])
        turn = await llm.chat([Message(role="user", content=question)], temperature=0.0)
        for message in turn.messages:
            if message.content:
                print(f"{message.role}: {message.content}")
        print(f"{turn.total_tokens} tokens in {len(turn.rounds)} rounds")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("question", nargs="?", default="What is the weather in Paris?")
    parser.add_argument("--server", default=str(Path(__file__).with_name("mcp_server.py")))
    given = parser.parse_args()
    asyncio.run(main(given.server, given.question))
