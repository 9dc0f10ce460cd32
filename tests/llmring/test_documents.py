"""Images, PDFs and texts, in OpenAI's form and in Anthropic's, at every provider."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError
from llmring import Message
from llmring.messages import openai_messages, wire_message
from llmring.providers.anthropic.provider import AnthropicProvider
from llmring.providers.google import GoogleProvider
from llmring.providers.openai.provider import OpenAIProvider
from local_llm_kit.messages import normalise_messages
from tests.cloud import asked
from tests.cloud.official_types import JUDGES
from tests.llmring.providers.asked import body_of, call_of

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
PDF, CSV = "JVBERi0=", base64.b64encode(b"a,b").decode()


def source(kind: str, **fields: str) -> dict[str, Any]:
    return {"type": kind, "source": fields}


def inline(kind: str, media_type: str, data: str) -> dict[str, Any]:
    return source(kind, type="base64", media_type=media_type, data=data)


def file(name: str, data: str) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


PARTS: dict[str, dict[str, Any]] = {
    "image_url": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    "image": inline("image", "image/png", PNG),
    "image at an address": source("image", type="url", url="https://x.test/a.png"),
    "image document": inline("document", "image/png", PNG),
    "PDF file": file("a.pdf", f"data:application/pdf;base64,{PDF}"),
    "PDF document": inline("document", "application/pdf", PDF),
    "PDF at an address": source("document", type="url", url="https://x.test/a.pdf"),
    "text file": file("a.csv", f"data:text/csv;base64,{CSV}"),
    "bare text file": file("a.csv", CSV),
    "text document": source("document", type="text", media_type="text/plain", data="a,b"),
    "text document in base64": inline("document", "text/csv", CSV),
}
#: What a provider has no form for; all else is sent in a form that its SDK has a type for.
REFUSED = {
    ("openai", "PDF at an address"),
    ("ollama", "image at an address"),
    ("ollama", "PDF file"),
    ("ollama", "PDF document"),
    ("ollama", "PDF at an address"),
    ("local", "image at an address"),
    ("local", "PDF file"),
    ("local", "PDF document"),
    ("local", "PDF at an address"),
}
REMOTE: dict[str, Any] = {
    "openai": (OpenAIProvider, "openai:gpt-4o"),
    "anthropic": (AnthropicProvider, "anthropic:claude-sonnet-4-5"),
    "google": (GoogleProvider, "google:gemini-2.5-flash"),
}
CASES = [(provider, name) for provider in (*REMOTE, "ollama", "local") for name in PARTS]


def sent(provider: str, part: dict[str, Any]) -> Any:
    """The one message that the provider gets."""
    # Not a list of parts but one alone, which the message takes as well.
    messages = [wire_message(Message(role="user", content=part))]
    if provider in REMOTE:
        made, model = REMOTE[provider]
        body = body_of(made(api_key="k-1234"), call_of(model, messages=messages))
        return (body.get("contents") or body["messages"])[0]
    if provider == "local":
        return normalise_messages(openai_messages(messages))[0]
    body = asked.body("ollama", openai_messages(messages))
    JUDGES["ollama"]()(body)
    return body["messages"][0]


@pytest.mark.parametrize(("provider", "name"), CASES, ids=map(" ".join, CASES))
def test_a_part_is_sent_in_the_providers_form_or_refused(provider: str, name: str) -> None:
    if (provider, name) in REFUSED:
        with pytest.raises(InvalidRequestError, match=r"messages\[0\]\.content"):
            sent(provider, PARTS[name])
    else:
        told = str(sent(provider, PARTS[name]))
        # The content itself has arrived: as it was given, or as the text that it is.
        assert any(data in told for data in (PNG, PDF, "a,b", "https://x.test/"))


@pytest.mark.parametrize("provider", [*REMOTE, "ollama", "local"])
@pytest.mark.parametrize("form", ["text file", "text document", "text document in base64"])
def test_files_that_are_text_are_read_as_text_everywhere(provider: str, form: str) -> None:
    told = str(sent(provider, PARTS[form]))
    assert "a,b" in told
    assert CSV not in told
