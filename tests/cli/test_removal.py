"""What removing a model takes from the cache, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from LLM import LLMConfigError, ModelNotFoundError
from local_llm_kit import hub_cache
from local_llm_kit.model_files import Sources, find_model, present_models
from local_llm_kit.removal import Removal, is_of_ollama, plan_removal, remove
from tests.cli.caches import DATA, FIRST, SECOND, put_ollama, put_version, tree

Q4, Q8, NOTES = "m-Q4_K_M.gguf", "m-Q8_0.gguf", "README.md"
FILES = {Q4: DATA, Q8: DATA + b"8", NOTES: b"notes"}


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(cache_dir=tmp_path / "hub", ollama_dir=tmp_path / "ollama")


@pytest.fixture
def snapshot(sources: Sources) -> Path:
    return put_version(sources.cache_dir, FILES)


def removed(name: str, sources: Sources) -> Removal:
    removal = plan_removal(name, sources)
    remove(removal)
    return removal


def test_planning_changes_nothing(sources: Sources, snapshot: Path) -> None:
    before = tree(sources.cache_dir)
    plan_removal("owner/name", sources)
    assert tree(sources.cache_dir) == before


def test_the_last_version_goes_with_its_folder_and_locks(sources: Sources, snapshot: Path) -> None:
    lock = sources.cache_dir / ".locks" / "models--owner--name" / "x.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    (snapshot.parents[1] / "blobs" / "half.incomplete").write_bytes(b"12345")
    removal = removed("owner/name", sources)
    assert tree(sources.cache_dir) == set()
    assert removal.is_last
    assert removal.freed_bytes >= sum(map(len, FILES.values())) + 5


def test_one_file_goes_and_the_others_stay(sources: Sources, snapshot: Path) -> None:
    removal = removed("owner/name:Q4_K_M", sources)
    assert {path.name for path in snapshot.iterdir()} == {Q8, NOTES}
    assert hub_cache.commit_of(snapshot.parents[1], "main") == FIRST
    assert len(list((snapshot.parents[1] / "blobs").iterdir())) == 2
    assert len(DATA) <= removal.freed_bytes < len(DATA) + 1000


def test_all_parts_of_a_model_go_together(sources: Sources) -> None:
    parts = {f"big-Q8_0-0000{i}-of-00002.gguf": bytes([i]) * 9 for i in (1, 2)}
    snapshot = put_version(sources.cache_dir, parts | {Q4: DATA})
    removed("owner/name:big-Q8_0-00001-of-00002.gguf", sources)
    assert {path.name for path in snapshot.iterdir()} == {Q4}


def test_what_is_left_of_a_torn_model_goes_too(sources: Sources) -> None:
    snapshot = put_version(sources.cache_dir, {"big-Q8_0-00002-of-00002.gguf": b"2", Q4: DATA})
    removed("owner/name:Q8_0", sources)
    assert {path.name for path in snapshot.iterdir()} == {Q4}


def test_blobs_that_another_version_needs_stay(sources: Sources, snapshot: Path) -> None:
    other = put_version(sources.cache_dir, {Q4: DATA, Q8: b"newer"}, SECOND, "v2")
    removal = removed("owner/name", sources)
    assert not snapshot.exists()
    assert (other / Q4).read_bytes() == DATA
    assert not removal.is_last
    assert removal.freed_bytes < len(DATA) + 2000
    assert {path.name for path in (snapshot.parents[1] / "refs").iterdir()} == {"v2"}


def test_another_version_is_named_by_its_revision(sources: Sources, snapshot: Path) -> None:
    other = put_version(sources.cache_dir, {Q8: b"newer"}, SECOND, "v2", "stable")
    removed("owner/name@v2", sources)
    assert not other.exists()
    assert {path.name for path in (snapshot.parents[1] / "refs").iterdir()} == {"main"}


def test_after_it_the_name_leads_nowhere(sources: Sources, snapshot: Path) -> None:
    removed("owner/name:Q4_K_M", sources)
    assert present_models(sources) == ["tiny", f"owner/name:{Q8}"]


def test_what_a_broken_download_has_left_goes(sources: Sources, snapshot: Path) -> None:
    folder = snapshot.parents[1]
    for part in ("refs", "snapshots"):
        shutil.rmtree(folder / part)
    with pytest.raises(ModelNotFoundError):
        plan_removal("owner/name:Q8_0", sources)
    removal = removed("owner/name", sources)
    assert (removal.is_last, removal.commit) == (True, "")
    assert not folder.exists()


def test_a_version_without_a_branch_is_named_by_its_commit(
    sources: Sources, snapshot: Path
) -> None:
    shutil.rmtree(snapshot.parents[1] / "refs")
    with pytest.raises(ModelNotFoundError, match=rf"found there: owner/name@{FIRST}"):
        plan_removal("owner/name", sources)
    assert removed(f"owner/name@{FIRST}", sources).is_last


def test_a_link_out_of_the_cache_is_removed_and_not_followed(
    sources: Sources, snapshot: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_bytes(b"mine")
    (snapshot / "away.gguf").symlink_to(tmp_path / "mine.gguf")
    (snapshot / "inner").symlink_to(tmp_path / "folder")
    removed("owner/name", sources)
    assert (tmp_path / "mine.gguf").read_bytes() == b"mine"
    assert (tmp_path / "folder" / "mine").read_bytes() == b"mine"
    assert tree(sources.cache_dir) == set()


@pytest.mark.parametrize("part", [".", "snapshots", f"snapshots/{FIRST}", "blobs", "refs"])
def test_folders_that_are_links_are_refused(
    sources: Sources, snapshot: Path, tmp_path: Path, part: str
) -> None:
    place = snapshot.parents[1] / part
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path / "elsewhere")
    with pytest.raises(LLMConfigError, match="is a link to"):
        plan_removal("owner/name", sources)
    assert tree(tmp_path / "elsewhere") == before


def test_a_cache_behind_a_link_works(sources: Sources, snapshot: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(sources.cache_dir)
    linked = Sources(cache_dir=tmp_path / "link", ollama_dir=sources.ollama_dir)
    removed("owner/name:Q8_0", linked)
    assert {path.name for path in snapshot.iterdir()} == {Q4, NOTES}
    assert len(list((snapshot.parents[1] / "blobs").iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny", "comes with the package"),
        ("ollama:llama3.2:1b", "ollama rm llama3.2:1b"),
        ("llama3.2:1b", "ollama rm llama3.2:1b"),
        ("./m.gguf", "is a path of yours"),
        ("owner/name@v/../../../x", "is no revision"),
        ("owner/name:Q", "means several models"),
    ],
)
def test_what_is_not_the_hubs_is_refused(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.gguf").write_bytes(DATA)
    put_ollama(sources.ollama_dir)
    put_version(sources.cache_dir, {"a-Q.gguf": DATA, "b-Q.gguf": b"b"})
    before = tree(tmp_path)
    with pytest.raises(LLMConfigError, match=message):
        plan_removal(name, sources)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    [
        "owner/nam",
        "owner/name@v9",
        "owner/name:Q2_K",
        "../../name",
        "nobody",
        f"owner/name@{SECOND}",
    ],
)
def test_what_is_not_there_is_not_found(sources: Sources, snapshot: Path, name: str) -> None:
    with pytest.raises(ModelNotFoundError):
        plan_removal(name, sources)


def test_a_name_near_by_is_offered(sources: Sources, snapshot: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=rf"did you mean 'owner/name:{Q8}'"):
        plan_removal("owner/name2:m-Q8_0.gguf", sources)


def test_what_may_not_be_removed_is_named(
    sources: Sources, snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    removal = plan_removal("owner/name", sources)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(LLMConfigError, match=r"main': Permission denied; some of 'owner/name'"):
        remove(removal)


def test_a_model_in_use_goes_on_working(sources: Sources, snapshot: Path) -> None:
    with open(find_model("owner/name:Q4_K_M", sources=sources).path, "rb") as used:
        removed("owner/name", sources)
        assert used.read() == DATA


def test_files_without_links_are_removed_as_well(sources: Sources, snapshot: Path) -> None:
    blob = Path(os.path.realpath(snapshot / Q4))
    os.replace(blob, snapshot / Q4)
    removed("owner/name:Q4_K_M", sources)
    assert {path.name for path in snapshot.iterdir()} == {Q8, NOTES}


def test_a_damaged_model_of_ollama_is_still_ollamas(sources: Sources) -> None:
    put_ollama(sources.ollama_dir).write_text("{}")
    assert is_of_ollama("llama3.2:1b", sources)
    assert not is_of_ollama("owner/name:Q4_K_M", sources)
