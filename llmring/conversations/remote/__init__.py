"""The store at an llmring server: the same methods, over HTTP."""
