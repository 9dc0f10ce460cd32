"""Templates of conversations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from llmring.conversations.types import Count, Moment, Name
from llmring.server.wire.base import Wire


class TemplateFields(Wire):
    """What conversations can be begun from.

    :param name: for lists; not unique.
    :param temperature: 0.0 to 2.0; None leaves it to the provider.
    :param max_tokens: most tokens of an answer; None leaves it to the provider.
    """

    name: Name
    description: str | None = None
    system_prompt: str | None = None
    model_alias: Name | None = None
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    max_tokens: Count | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class Template(TemplateFields):
    """A template that is kept."""

    id: UUID
    created_at: Moment
    updated_at: Moment
