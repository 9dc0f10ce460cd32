"""The list of Anthropic's models. Pure.

Source: https://platform.claude.com/docs/en/api/models/list
"""

from __future__ import annotations

from urllib.parse import quote

from pydantic import Field

from cloud.llm.questions import ModelPage, Question
from LLM.codec import Source, decode_answer
from LLM.types import Model, OpenAIModel

#: The most that the API gives in a page.
_PAGE_SIZE = 1000


class _Models(OpenAIModel):
    """A page of the list."""

    data: list[Model] = Field(fail_fast=True)
    has_more: bool = False
    last_id: str | None = None


def models_page(after: str | None) -> Question[ModelPage]:
    """The question for the models behind one; None for the first of them."""
    behind = "" if after is None else f"&after_id={quote(after, safe='')}"
    return Question("GET", f"/models?limit={_PAGE_SIZE}{behind}", _read)


def _read(body: bytes, status: int, source: Source) -> ModelPage:
    page = decode_answer(_Models, body, status, source)
    return ModelPage([model.id for model in page.data], page.last_id if page.has_more else None)
