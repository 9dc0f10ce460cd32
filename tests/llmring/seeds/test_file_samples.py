"""The samples about files run as they stand, and do what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llmring.files.contents import PNG, encoded
from tests.llmring.files.keeper import Keeper, serving
from tests.llmring.seeds.world import GUIDE, REFERENCE, World, run

pytestmark = pytest.mark.slow

REGISTRATION, UTILITIES = "File Registration", "File Utilities: Quick Example"
DATA = b"city,people\nParis,2000000\n"


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Keeper]:
    """All providers at one server that keeps files; the working folder has those of the samples."""
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_bytes(DATA)
    Path("screenshot.png").write_bytes(PNG)
    with serving(Keeper()) as found:
        for name, value in found.world.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def test_the_sample_of_registration_uploads_to_each_provider_and_cleans_up(keeper: Keeper) -> None:
    s = run(GUIDE[REGISTRATION])
    assert keeper.world.models() == [
        "anthropic:claude-3-5-haiku-20241022",
        "google:gemini-2.5-flash",
    ]
    assert [(file.provider, file.data) for file in keeper.uploads] == [
        ("anthropic", DATA),
        ("google", DATA),
    ]
    assert keeper.parts(0)[0] == {"type": "container_upload", "file_id": "file_a0"}
    assert keeper.parts(1)[0]["fileData"]["mimeType"] == "text/csv"
    (told,) = s.files
    assert (told["id"], set(told["uploads"])) == (s.file_id, {"anthropic", "google"})
    assert keeper.ids == []


def test_the_sample_of_the_utilities_shows_the_model_an_image(
    keeper: Keeper, capsys: pytest.CaptureFixture[str]
) -> None:
    run(REFERENCE[UTILITIES])
    assert capsys.readouterr().out == "Hello!\n"
    world: World = keeper.world
    text, image = keeper.parts()
    assert text == {"type": "text", "text": "What's in this image?"}
    assert encoded(PNG) in str(image)
    assert len(world.models()) == 1


RUN = {REGISTRATION}
REFERENCE_RUN = {UTILITIES}
