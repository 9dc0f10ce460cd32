"""An Ollama server, and tools for those of its models that have none."""
