"""Clients of services in the cloud: `cloud.llm` for language models."""

from __future__ import annotations
