"""Ollama, on this machine, on another, or in Ollama's cloud."""
