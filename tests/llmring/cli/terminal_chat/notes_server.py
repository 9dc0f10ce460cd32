"""An MCP server with resources and a prompt, on the official SDK. It is run as a program."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("notes")


@server.resource("note://one")
def one() -> str:
    return "The note one."


@server.resource("note://{name}")
def named(name: str) -> str:
    return f"The note {name}."


@server.prompt()
def greet(name: str, tone: str = "kind") -> str:
    return f"Greet {name}."


if __name__ == "__main__":
    server.run()
