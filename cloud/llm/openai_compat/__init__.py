"""OpenAI and whoever speaks its language: Groq, Azure, vLLM, LM Studio, our own server."""
