"""Ollama: its wire form and its clients."""
