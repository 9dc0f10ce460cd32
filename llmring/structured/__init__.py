"""Structured output: what is asked of providers, and the values made of answers."""
