"""Models in this process: those of `local_llm_kit`."""
