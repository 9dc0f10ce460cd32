"""Anthropic, whose Claude models differ in how they think and hold to a schema."""
