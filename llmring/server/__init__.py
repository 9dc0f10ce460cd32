"""The self-hosted server of conversations and usage, for many users: an HTTP API over the store.

`wire` says what goes over HTTP, and is all that a client needs. `docs/llmring_server.md` has the
routes.
"""
