"""The routes, as `llmring.server.wire` lists them."""
