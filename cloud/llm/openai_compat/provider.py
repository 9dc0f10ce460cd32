"""OpenAI as a provider: where it is, and what it is asked by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cloud.llm.base import BaseClient
from cloud.llm.codec import Codec
from cloud.llm.openai_compat.codec import OpenAICodec

if TYPE_CHECKING:
    from LLM.batch.provider.types import BatchAPI


class OpenAICompat(BaseClient):
    """What the blocking and the async client of OpenAI have in common."""

    codec_class: ClassVar[type[Codec]] = OpenAICodec
    default_base_url = "https://api.openai.com/v1"
    default_model = "gpt-4o"
    key_variables = ("OPENAI_API_KEY",)
    url_variable = "OPENAI_BASE_URL"

    def _batches(self) -> BatchAPI:
        # Imported here: few clients run jobs.
        from LLM.batch.provider.openai import OpenAIBatches

        return OpenAIBatches()
