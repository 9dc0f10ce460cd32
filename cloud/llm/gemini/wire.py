"""What Gemini answers, as pydantic models; on the wire, fields are in camel case.

Unknown fields are dropped below the top: keeping them takes twice as long (9.5 against 4.6 µs an
event), and `ChatResponse.raw` has them all.

Source: https://ai.google.dev/api/generate-content; google-genai 3.4 (`types.py`) for what that page
leaves out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from pydantic.alias_generators import to_camel

from LLM.json_size import MAX_PARTS
from LLM.types import OpenAIModel


class _Wire(OpenAIModel, alias_generator=to_camel, extra="ignore"):
    """A shape of Gemini's."""


class FunctionCall(_Wire):
    """A call of a tool: always whole, in streams as well."""

    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class Part(_Wire):
    """A piece of the answer; kinds that have no field here (images, run code) are in `raw`."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None


class Content(_Wire):
    """The parts of an answer; none when a filter cut all of it."""

    parts: list[Part] | None = Field(default=None, max_length=MAX_PARTS)


class Candidate(_Wire):
    """One of the answers; an index of 0 is left out by proto3."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None


class PromptFeedback(_Wire, extra="allow"):
    """What the filter says of the prompt."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class GenerateContentResponse(_Wire, extra="allow"):
    """A whole answer, or one event of a stream."""

    candidates: list[Candidate] | None = Field(default=None, fail_fast=True)
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: dict[str, Any] | None = None
    model_version: str | None = None
    response_id: str | None = None


class ListedModel(_Wire):
    """A model that there is.

    :param supported_generation_methods: what can be asked of it; None where the server, which may
        be a proxy, does not tell.
    """

    name: str
    supported_generation_methods: list[str] | None = None


class ModelsPage(_Wire, extra="allow"):
    """A page of the list of models."""

    models: list[ListedModel] | None = Field(default=None, fail_fast=True)
    next_page_token: str | None = None


class File(_Wire, extra="allow"):
    """What the API tells of a file.

    :param name: with ``files/`` before it.
    :param state: ``PROCESSING``, ``ACTIVE`` or ``FAILED``.
    :param error: why it failed: a google.rpc.Status.
    """

    name: str = Field(min_length=1)
    display_name: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    create_time: datetime | None = None
    expiration_time: datetime | None = None
    uri: str | None = None
    state: str | None = None
    error: dict[str, Any] | None = None


class UploadAnswer(_Wire, extra="allow"):
    """The answer to an upload."""

    file: File


class Empty(_Wire, extra="allow"):
    """The answer to a deletion."""
