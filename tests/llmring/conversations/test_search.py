"""Finding what was said."""

from __future__ import annotations

import pytest

from llmring.conversations.remote.store import RemoteStore
from llmring.exceptions import ValidationError
from tests.llmring.conversations.stores import BlockingStore, assistant, user

pytestmark = pytest.mark.slow

FOUND = {
    "a word": ("The red boat", "red"),
    "in another case": ("The RED boat", "rEd"),
    "beyond ASCII": ("Ärger in ÉCOLE", "äRGER IN école"),
    "a part of a word": ("unreadable", "reada"),
    "a per cent sign": ("100% sure", "0% s"),
    "an underscore": ("a_b", "_"),
    "a backslash": ("C:\\boats", "\\b"),
    "an apostrophe": ("' OR 1=1 --", "' or 1"),
    "NUL": ("a\x00b", "\x00"),
    "a lone surrogate": ("a\ud800b", "\ud800B"),
    "an emoji": ("a 😀", "😀"),
}


@pytest.mark.parametrize(("said", "sought"), FOUND.values(), ids=FOUND)
def test_search_finds(store: BlockingStore, said: str, sought: str) -> None:
    made = store.begin(user("nothing"), assistant(said))
    if isinstance(store.store, RemoteStore) and "\ud800" in sought:
        with pytest.raises(ValidationError, match="no address can carry"):
            store.search(sought)
        return
    (hit,) = store.search(sought)
    assert (hit.conversation_id, hit.position, hit.role) == (made.id, 2, "assistant")
    assert sought.casefold() in hit.excerpt.casefold()


@pytest.mark.parametrize("sought", ["%", "_", "\\", "a_c", "blue"])
def test_search_takes_signs_for_themselves(store: BlockingStore, sought: str) -> None:
    store.begin(user("abc"), title="abc")
    assert store.search(sought) == []


def test_titles_and_texts_of_parts_are_searched(store: BlockingStore) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,zebra"}}
    made = store.begin(user([image, {"type": "text", "text": "a zebra?"}]), title="Zebras")
    hits = store.search("zebra")
    assert {(hit.position, hit.title) for hit in hits} == {(1, "Zebras"), (None, "Zebras")}
    assert {hit.conversation_id for hit in hits} == {made.id}
    assert store.search("base64") == []


def test_search_begins_with_the_newest_and_has_pages(store: BlockingStore) -> None:
    for n in range(5):
        store.begin(user(f"zebra {n}"))
    assert [hit.excerpt for hit in store.search("zebra", limit=2)] == ["zebra 4", "zebra 3"]
    assert [hit.excerpt for hit in store.search("zebra", 2, 3)] == ["zebra 1", "zebra 0"]


def test_an_excerpt_shows_what_is_around(store: BlockingStore) -> None:
    store.begin(user("x" * 500 + "\n\nthe  zebra\n" + "y" * 500))
    (hit,) = store.search("zebra")
    assert "x the zebra y" in hit.excerpt
    assert hit.excerpt[0] == hit.excerpt[-1] == "…"
    assert len(hit.excerpt) < 200


def test_search_needs_a_text(store: BlockingStore) -> None:
    with pytest.raises(ValidationError, match="nothing to search for"):
        store.search("")


def test_search_takes_no_books(store: BlockingStore) -> None:
    with pytest.raises(ValidationError, match="5,000 characters"):
        store.search("a" * 60_000)
