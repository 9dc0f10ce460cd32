"""MCP servers of llmring: tools of this process, offered to any MCP client."""
