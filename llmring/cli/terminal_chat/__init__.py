"""A chat in the terminal with a model that calls tools: `llmring mcp chat`, `llmring lock chat`.

The ring, its connections to MCP servers and the running answer are in the background's event loop
(`llmring.background`); the terminal belongs to the main thread alone, which gets what happens as a
queue of events, shows it, and asks what there is to ask. So Ctrl-C always finds somebody who waits,
and a server that talks while the user types is heard.
"""
