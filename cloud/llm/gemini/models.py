"""The list of Google's models. Pure.

Source: https://ai.google.dev/api/models#method:-models.list
"""

from __future__ import annotations

from urllib.parse import quote

from cloud.llm.gemini.wire import ModelsPage
from cloud.llm.questions import ModelPage, Question
from LLM.codec import Source, decode_answer

#: The most that the API gives in a page.
_PAGE_SIZE = 1000


def models_page(token: str | None) -> Question[ModelPage]:
    """The question for a page; None for the first one."""
    page = "" if token is None else f"&pageToken={quote(token, safe='')}"
    return Question("GET", f"/models?pageSize={_PAGE_SIZE}{page}", _read)


def _read(body: bytes, status: int, source: Source) -> ModelPage:
    """The models that chat; others make embeddings and images."""
    page = decode_answer(ModelsPage, body, status, source)
    names = [
        model.name.removeprefix("models/")
        for model in page.models or ()
        if "generateContent" in (model.supported_generation_methods or ("generateContent",))
    ]
    return ModelPage(names, page.next_page_token or None)
