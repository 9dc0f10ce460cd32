"""Files that messages give by web addresses, for providers that do not fetch them.

Where ``LLMRING_ALLOW_REMOTE_URLS`` is set, they are downloaded here and put into the message. Where
it is not, all stays as it is, and who cannot fetch an address refuses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from cloud.llm.parts import is_address
from llmring.exceptions import FileProcessingError
from llmring.files.forms import FileForms, in_message
from llmring.files.rules import FileRules
from llmring.providers.base import BaseLLMProvider, ProviderCall


async def with_downloads(provider: BaseLLMProvider, call: ProviderCall) -> ProviderCall:
    """A call whose messages hold what its provider does not fetch.

    :raises FileProcessingError: a file cannot be downloaded, or the model does not take it.
    :raises FileSizeError: it is larger than ``LLMRING_MAX_DOWNLOAD_SIZE_BYTES``.
    """
    if not any(map(_parts, call.messages)):
        return call
    forms = provider.file_forms(call)
    if not any(_unfetched(part, forms) for one in call.messages for part in _parts(one)):
        return call
    rules = FileRules.read()
    if not rules.allow_remote:
        return call
    messages = []
    for message in call.messages:
        if _parts(message):
            content = [
                await _downloaded(url, provider, call, rules)
                if (url := _unfetched(part, forms))
                else part
                for part in _parts(message)
            ]
            message = {**message, "content": content}
        messages.append(message)
    return replace(call, messages=messages)


def address_in(part: Any) -> tuple[str, str] | None:
    """What a part gives by an address (``image`` or ``document``), and the address; None for none.

    :param part: as OpenAI or Anthropic have it.
    """
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "image_url":
        inner = part.get("image_url")
        found = "image", inner.get("url") if isinstance(inner, Mapping) else inner
    elif kind == "file":
        inner = part.get("file")
        found = "document", inner.get("file_data") if isinstance(inner, Mapping) else None
    elif kind in ("image", "document"):
        source = part.get("source")
        found = kind, source.get("url") if isinstance(source, Mapping) else None
    else:
        return None
    return (found[0], found[1]) if isinstance(found[1], str) and is_address(found[1]) else None


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content = message["content"]
    return content if isinstance(content, list) else []


def _unfetched(part: Any, forms: FileForms) -> str | None:
    """The address in a part that the provider does not fetch; None where there is none."""
    found = address_in(part)
    return found[1] if found is not None and found[0] not in forms.fetches else None


async def _downloaded(
    url: str, provider: BaseLLMProvider, call: ProviderCall, rules: FileRules
) -> dict[str, Any]:
    # Loaded here: it takes http.client, 14 ms of each `import llmring`.
    from llmring.files.download import download

    file = await asyncio.to_thread(download, url, rules, call.timeout_s)
    forms = provider.file_forms(call)
    if forms.form_of(file.media_type) is None:
        raise FileProcessingError(
            f"the file at {urlsplit(url).hostname} is of type {file.media_type!r}, which "
            f"{provider.name}:{call.model} does not take; it takes {forms.takes}"
        )
    name = urlsplit(url).path.rpartition("/")[2] or "file"
    return in_message(file.media_type).part(name, file.data)
