"""Gemini's answers and streams, as its documentation and captured streams have them.

Source: https://ai.google.dev/api/generate-content; google-genai 3.4 (`GenerateContentResponse`).
"""

from __future__ import annotations

import json
from typing import Any

MODEL = "gemini-3.8-flash"
ID = "tTCwacuEBMvnitYP06qsgQY"
SIGNATURE = "AY89a18iOcFus5wr5bW5xN6zZ4aUiCyhgmg6HE2YjtYDV/dwZ5oZlZHeTmiUKv34qq0="
USAGE = {
    "promptTokenCount": 12,
    "candidatesTokenCount": 9,
    "totalTokenCount": 21,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
}


def text(text: str, **fields: Any) -> dict[str, Any]:
    return {"text": text, **fields}


def call(name: str, args: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """A part that calls a tool; `id` goes into the call, anything else beside it."""
    identity = {"id": fields.pop("id")} if "id" in fields else {}
    arguments = {} if args is None else {"args": args}
    return {"functionCall": {**identity, "name": name, **arguments}, **fields}


def answer(*parts: dict[str, Any], finish: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    """A whole answer, or one event of a stream (those before the last have no `finish`).

    :param fields: further ones of the answer, or in place of ours; `candidate` has the candidate's.
    """
    own = fields.pop("candidate", {})
    content = {"parts": list(parts), "role": "model"} if parts else {"role": "model"}
    candidate = {"content": content, **({"finishReason": finish} if finish else {}), "index": 0}
    return {
        "candidates": [{**candidate, **own}],
        "usageMetadata": USAGE,
        "modelVersion": MODEL,
        "responseId": ID,
        **fields,
    }


def event(payload: Any, *, escaped: bool = False) -> bytes:
    """One event, its lines ended as Google ends them."""
    return b"data: " + json.dumps(payload, ensure_ascii=escaped).encode() + b"\r\n\r\n"


def stream(*payloads: Any) -> bytes:
    return b"".join(map(event, payloads))


def error(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """An error's body."""
    fields: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        fields["details"] = list(details)
    return {"error": fields}


def detail(kind: str, **fields: Any) -> dict[str, Any]:
    """One of google.rpc's typed details of an error."""
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


def quota(quota_id: str) -> dict[str, Any]:
    """What says which quota is used up."""
    metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
    return detail("QuotaFailure", violations=[{"quotaMetric": metric, "quotaId": quota_id}])
