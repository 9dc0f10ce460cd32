"""Anthropic as a provider: where it is, and what it is asked by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cloud.llm.anthropic.codec import AnthropicCodec
from cloud.llm.base import BaseClient
from cloud.llm.codec import Codec
from LLM.retry import RETRIED_STATUSES

if TYPE_CHECKING:
    from LLM.batch.provider.types import BatchAPI


class Anthropic(BaseClient):
    """What the blocking and the async client of Anthropic have in common."""

    codec_class: ClassVar[type[Codec]] = AnthropicCodec
    telemetry_name: ClassVar[str | None] = "anthropic"
    default_base_url = "https://api.anthropic.com"
    # That of the SDK's examples; claude-sonnet-4-20250514 was retired in June 2026.
    default_model = "claude-sonnet-5-5"
    key_variables = ("ANTHROPIC_API_KEY",)
    url_variable = "ANTHROPIC_BASE_URL"
    # 529: overloaded. Source: https://platform.claude.com/docs/en/api/errors
    retried_statuses = RETRIED_STATUSES | {529}

    def _batches(self) -> BatchAPI:
        # Imported here: few clients run jobs.
        from cloud.llm.anthropic.batches import AnthropicBatches

        return AnthropicBatches(self)
