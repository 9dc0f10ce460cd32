"""Registered files, put into a call in the form that its provider takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from llmring.exceptions import FileProcessingError
from llmring.files import media_types
from llmring.files.forms import ByReference, FileForms, InMessage
from llmring.files.reading import open_file, shown_path
from llmring.files.registry import FileRegistry, RegisteredFile
from llmring.files.rules import FileRules
from llmring.files.sources import check_inline_size
from llmring.files.uploads import check_size
from llmring.providers.base import BaseLLMProvider, ProviderCall

Part = dict[str, Any]


async def with_files(
    registry: FileRegistry,
    provider: BaseLLMProvider,
    call: ProviderCall,
    files: Sequence[RegisteredFile],
) -> ProviderCall:
    """A call with files in front of what the user says last; what the provider lacks is uploaded.

    :raises FileProcessingError: a file may not or cannot be read, or the model does not take it.
    :raises FileSizeError: a file is too large for the provider, or for a message.
    :raises LLMError: the provider refuses a file, or cannot be reached.
    """
    forms = provider.file_forms(call)
    parts = [await _part(registry, provider, call, file, forms) for file in files]
    return replace(call, messages=with_parts(call.messages, parts))


def with_parts(messages: list[dict[str, Any]], parts: list[Part]) -> list[dict[str, Any]]:
    """Messages with parts in front of the last content of the user's; they stay as they are.

    So a round of tool calls, behind that message, finds the parts where they were before.
    """
    told = list(messages)
    for n in reversed(range(len(told))):
        if told[n]["role"] == "user":
            content = told[n]["content"]
            said = [{"type": "text", "text": content}] if isinstance(content, str) else content
            told[n] = {**told[n], "content": [*parts, *said]}
            return told
    return [*told, {"role": "user", "content": parts}]


async def _part(
    registry: FileRegistry,
    provider: BaseLLMProvider,
    call: ProviderCall,
    file: RegisteredFile,
    forms: FileForms,
) -> Part:
    shown = shown_path(file.path)
    media_type, size_bytes, name = await asyncio.to_thread(_look, file.path)
    form = forms.form_of(media_type)
    if form is None:
        raise FileProcessingError(
            f"{shown} is of type {media_type!r}, which {provider.name}:{call.model} does not take; "
            f"it takes {forms.takes}"
        )
    if isinstance(form, ByReference):
        check_size(shown, size_bytes, provider.name, forms.max_size_bytes)
        copy = await registry.copy_at(provider, file, form.media_type, forms.max_size_bytes)
        return form.part(copy.response, name)
    if form.is_image and call.facts is not None and call.facts.supports_vision is False:
        raise FileProcessingError(
            f"{shown} is an image, which {provider.name}:{call.model} cannot see; ask another model"
        )
    check_inline_size(size_bytes, shown)
    return await asyncio.to_thread(_in_message, file, form, name)


def _look(path: str) -> tuple[str, int, str]:
    """A file's media type, size in bytes and name."""
    with open_file(path, FileRules.read()) as opened:
        head = opened.stream.read(media_types.HEAD_BYTES)
        if not head:
            raise FileProcessingError(f"{opened.path} is empty now; give a file with content")
        return media_types.media_type(head, path), opened.size_bytes, opened.name


def _in_message(file: RegisteredFile, form: InMessage, name: str) -> Part:
    with open_file(file.path, FileRules.read()) as opened:
        check_inline_size(opened.size_bytes, opened.path)
        data = opened.read()
    file.content_hash = sha256(data).hexdigest()
    if form.is_text:
        try:
            data.decode()
        except UnicodeDecodeError:
            raise FileProcessingError(
                f"{opened.path} is no UTF-8 text; encode it as that, or give it a name that says "
                "what it is"
            ) from None
    return form.part(name, data)
