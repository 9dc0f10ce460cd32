"""Bodies as a cassette's file has them: JSON as JSON, other text as text, the rest in base64. Pure.

A part of a line holds a body under one of the names ``body`` (a JSON value), ``text``, ``base64``
or ``upload`` (a body that is read while it is sent: only its size and kind), and nothing where
there is none.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any, NoReturn

from LLM.cassettes.scrubbing import Scrubber
from LLM.upload import StreamedBody

JSONObject = dict[str, Any]


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        _refuse(text)
    return value


# Made once: each costs more than a short body does.
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def content_of(data: bytes | StreamedBody | None, scrubber: Scrubber) -> JSONObject:
    """The fields that hold a body, without keys."""
    if data is None:
        return {}
    if isinstance(data, StreamedBody):
        # A form's boundary is drawn anew for each request.
        kind = data.content_type.partition(";")[0]
        return {"upload": {"size_bytes": data.size_bytes, "content_type": kind}}
    try:
        text = scrubber.text(data.decode())
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(scrubber.data(data)).decode()}
    try:
        return {"body": _DECODER.decode(text)}
    except (ValueError, RecursionError):
        return {"text": text}


def bytes_of(fields: JSONObject) -> bytes:
    """The body that was put into the fields of a line; empty where there is none.

    :raises ValueError: it is none that was put there.
    """
    if "body" in fields:
        return json.dumps(fields["body"], ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        )
    if "base64" in fields:
        return base64.b64decode(fields["base64"], validate=True)
    text = fields.get("text", "")
    if not isinstance(text, str):
        raise ValueError("a body's text is none")
    return text.encode()


def piece_of(data: bytes) -> str | JSONObject:
    """A piece of a stream: text, unless it ends within a character, or is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def piece_bytes(piece: str | JSONObject) -> bytes:
    """The bytes of a piece."""
    return piece.encode() if isinstance(piece, str) else bytes_of(piece)


def canonical(fields: JSONObject) -> str:
    """A body in a form that is equal for equal ones: JSON whatever the order of its names."""
    kept = {name: fields[name] for name in ("body", "text", "base64", "upload") if name in fields}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def line_of(value: JSONObject) -> str:
    """A line of the file, without its end."""
    text = _ENCODER.encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can tell
        return json.dumps(value, allow_nan=False)
    return text
