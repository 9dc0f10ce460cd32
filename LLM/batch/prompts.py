"""What a job may be given as: a file's name, an open file, or any iterable of prompts. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import IO, Any, cast

from LLM.batch.exceptions import BatchInputError
from LLM.batch.source import TABLE_SUFFIXES, LineFile, LineStream, Source, Spool
from LLM.codec import message_list
from LLM.exceptions import InvalidRequestError

#: What `LLM.batch` takes as its requests.
Requests = str | os.PathLike[str] | IO[bytes] | Source | Iterable[Any]

_URLS = {"messages": "/v1/chat/completions", "prompt": "/v1/completions"}


def source_of(requests: Requests, most: int | None = None) -> Source:
    """Where the requests of a job are read from.

    :param requests: the name of a file in OpenAI's batch format; an open binary file of such lines;
        or an iterable, whose items are texts (one user message each), lists of messages, bodies of
        calls, or whole requests with a ``body``; or a `Source`.
    :param most: read no more of an iterable, which may have no end; None reads all.
    :raises BatchInputError: it is none of these.
    """
    if hasattr(requests, "read") and hasattr(requests, "unit"):
        return cast("Source", requests)
    if isinstance(requests, str | os.PathLike):
        if str(requests).lower().endswith(TABLE_SUFFIXES):
            raise BatchInputError(
                f"{str(requests)!r} is a table; `llm-kit batch` reads tables, llm.batch reads "
                "lines of OpenAI's batch format"
            )
        return LineFile(requests)
    if hasattr(requests, "read"):
        return LineStream(cast("IO[bytes]", requests))
    if isinstance(requests, bytes | Mapping) or not isinstance(requests, Iterable):
        raise BatchInputError(
            f"requests is a {type(requests).__name__}; give the name of a file, or a list such as "
            '["Name a bee.", {"messages": […]}]'
        )
    return Spool(_whole_requests(islice(requests, most)))


def _whole_requests(items: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for number, item in enumerate(items, 1):
        try:
            request = _whole_request(item)
        except InvalidRequestError as err:
            raise BatchInputError(f"requests, request {number}: {err.message}") from err
        request.setdefault("custom_id", f"request-{number}")
        yield request


def _whole_request(item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        item = {"messages": [{"role": "user", "content": item}]}
    elif isinstance(item, list | tuple):
        item = {"messages": message_list(item)}
    if not isinstance(item, Mapping):
        raise BatchInputError(
            f"it is a {type(item).__name__}; give a text, a list of messages, the body of a call "
            "as a dict, or a whole request with 'custom_id', 'url' and 'body'"
        )
    request = dict(item) if "body" in item else {"body": item}
    body = request["body"]
    if isinstance(body, Mapping):
        if "url" not in request:
            request["url"] = next((url for name, url in _URLS.items() if name in body), None)
        if body.get("messages"):
            request["body"] = {**body, "messages": message_list(body["messages"])}
    if request.get("url") is None:
        raise BatchInputError(
            "it has neither 'messages' nor 'prompt'; for other calls give a whole request, "
            '{"url": "/v1/embeddings", "body": {"input": …}}'
        )
    return request
