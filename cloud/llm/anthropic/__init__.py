"""Anthropic: its wire form and its clients."""
