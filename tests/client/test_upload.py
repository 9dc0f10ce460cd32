"""Bodies that are read while they are sent: never more or fewer bytes than were announced."""

from __future__ import annotations

import pytest

from LLM import InvalidRequestError
from LLM.upload import StreamedBody


@pytest.mark.parametrize(
    ("pieces", "told"),
    [([b"abc", b"def"], "has more"), ([b"abc"], "has 3"), ([], "has 0")],
    ids=["grown", "shrunk", "emptied"],
)
def test_a_source_of_another_size_ends_the_upload(pieces: list[bytes], told: str) -> None:
    body = StreamedBody(lambda: iter(pieces), 5, "text/plain")
    sent: list[bytes] = []
    with pytest.raises(InvalidRequestError, match=told) as caught:
        sent.extend(body)
    assert len(b"".join(sent)) <= 5
    assert (body.failure, body.finished) == (caught.value, False)


def test_each_try_reads_from_the_start() -> None:
    body = StreamedBody(lambda: iter([b"abc", b"de"]), 5, "text/plain")
    assert [b"".join(body) for _ in range(2)] == [b"abcde"] * 2
    assert (body.failure, body.finished) == (None, True)
