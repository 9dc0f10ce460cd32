"""OpenAI, and every address that speaks its language."""
