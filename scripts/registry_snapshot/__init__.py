"""Makes the registry that llmring bundles."""
