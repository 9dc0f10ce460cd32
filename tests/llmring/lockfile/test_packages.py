"""Packages' lockfiles are found by metadata alone, and only where the package lies."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from llmring.exceptions import LockfileError
from llmring.lockfile import AliasResolver, check, find_in_package, load_package

LOCK = '[[profiles.default.bindings]]\nalias = "summarizer"\nmodels = ["openai:a"]\n'


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where packages are installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(
    site: Path, name: str, files: dict[str, str], record: list[str] | None = None, **metadata: str
) -> Path:
    """Put a distribution there; `record` is what its metadata claim, else its files."""
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, "utf-8")
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    listed = list(files) if record is None else record
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in listed), "utf-8")
    for file, text in metadata.items():
        (info / file.replace("_json", ".json").replace("_txt", ".txt")).write_text(text, "utf-8")
    return info


def test_a_lockfile_is_found_and_the_package_is_not_imported(site: Path) -> None:
    canary = site / "canary"
    code = f"open({str(canary)!r}, 'w').close()"
    install(site, "my-lib", {"my_lib/__init__.py": code, "my_lib/llmring.lock": LOCK})
    assert load_package("my-lib").profiles["default"].bindings[0].alias == "summarizer"
    assert (canary.exists(), "my_lib" in sys.modules) == (False, False)


@pytest.mark.parametrize("name", ["my-lib", "my_lib", "My.Lib"])
def test_a_package_is_found_in_every_spelling_of_its_name(site: Path, name: str) -> None:
    install(site, "my-lib", {"my_lib/llmring.lock": LOCK})
    assert find_in_package(name) == site / "my_lib" / "llmring.lock"


def test_a_package_in_a_folder_of_another_name_is_found(site: Path) -> None:
    install(site, "my-lib", {"other/llmring.lock": LOCK})
    assert find_in_package("my-lib") == site / "other" / "llmring.lock"


def test_of_several_the_one_in_the_packages_folder_counts(site: Path) -> None:
    install(site, "my-lib", {"my_lib/llmring.lock": LOCK, "my_lib/tests/data/llmring.lock": ""})
    assert find_in_package("my-lib") == site / "my_lib" / "llmring.lock"


def test_the_folder_that_the_metadata_name_counts(site: Path) -> None:
    files = {"ml/llmring.lock": LOCK, "examples/llmring.lock": ""}
    install(site, "my-lib", files, top_level_txt="ml\n")
    assert find_in_package("my-lib") == site / "ml" / "llmring.lock"


def test_an_editable_install_is_looked_through(site: Path, tmp_path: Path) -> None:
    for layout in ("src/my_lib", "my_lib"):
        source = tmp_path / "a b" / layout
        source.mkdir(parents=True)
        (source / "llmring.lock").write_text(LOCK, "utf-8")
        url = {"url": (tmp_path / "a b").as_uri(), "dir_info": {"editable": True}}
        record = ["__editable__.my_lib-1.0.pth"]
        info = install(site, "my-lib", {}, record, direct_url_json=json.dumps(url))
        assert find_in_package("my-lib") == source / "llmring.lock"
        (source / "llmring.lock").unlink()
        for file in info.iterdir():
            file.unlink()
        info.rmdir()


def test_an_old_editable_install_is_looked_through(site: Path) -> None:
    info = site / "my_lib.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: my-lib\nVersion: 1\n", "utf-8")
    (site / "my_lib").mkdir()
    (site / "my_lib" / "llmring.lock").write_text(LOCK, "utf-8")
    assert find_in_package("my-lib") == site / "my_lib" / "llmring.lock"


def test_the_source_of_an_install_that_is_not_editable_is_not_looked_at(
    site: Path, tmp_path: Path
) -> None:
    (tmp_path / "my_lib").mkdir()
    (tmp_path / "my_lib" / "llmring.lock").write_text(LOCK, "utf-8")
    url = json.dumps({"url": tmp_path.as_uri(), "dir_info": {}})
    install(site, "my-lib", {"my_lib/__init__.py": ""}, direct_url_json=url)
    with pytest.raises(LockfileError, match=r"ships no llmring\.lock"):
        find_in_package("my-lib")


def test_a_package_that_is_not_installed_says_so() -> None:
    with pytest.raises(LockfileError) as caught:
        find_in_package("no-such-package")
    assert caught.value.message == (
        "package 'no-such-package' is not installed; install it, or take it out of [extends]"
    )


def test_a_package_without_lockfile_says_so(site: Path) -> None:
    install(site, "my-lib", {"my_lib/__init__.py": ""})
    with pytest.raises(LockfileError) as caught:
        find_in_package("my-lib")
    assert caught.value.message == (
        "package 'my-lib' ships no llmring.lock; take it out of [extends]"
    )


def test_two_lockfiles_of_equal_rank_are_an_error(site: Path) -> None:
    install(site, "my-lib", {"a/llmring.lock": "", "b/llmring.lock": ""})
    with pytest.raises(
        LockfileError, match=r"ships several llmring\.lock, in .*it has to ship one"
    ):
        find_in_package("my-lib")


@pytest.mark.parametrize("name", ["../x", "", "a/b", "a b", "a;b", "-a", "a" * 200, 3], ids=str)
def test_what_cannot_be_a_package_is_not_looked_for(name: str) -> None:
    with pytest.raises(LockfileError, match="cannot name a package"):
        find_in_package(name)


@pytest.mark.parametrize("claimed", ["../outside/llmring.lock", "a/../../outside/llmring.lock"])
def test_metadata_cannot_lead_out_of_the_folder(site: Path, tmp_path: Path, claimed: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "llmring.lock").write_text(LOCK, "utf-8")
    install(site, "my-lib", {}, [claimed])
    with pytest.raises(LockfileError, match=r"ships no llmring\.lock"):
        find_in_package("my-lib")


def test_an_absolute_path_in_the_metadata_is_not_followed(site: Path, tmp_path: Path) -> None:
    (tmp_path / "llmring.lock").write_text(LOCK, "utf-8")
    install(site, "my-lib", {}, [str(tmp_path / "llmring.lock")])
    with pytest.raises(LockfileError, match=r"ships no llmring\.lock"):
        find_in_package("my-lib")


def test_a_link_out_of_the_folder_is_not_followed(site: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(LOCK, "utf-8")
    install(site, "my-lib", {"my_lib/__init__.py": ""}, ["my_lib/llmring.lock"])
    (site / "my_lib" / "llmring.lock").symlink_to(tmp_path / "secret")
    with pytest.raises(LockfileError, match=r"ships no llmring\.lock"):
        find_in_package("my-lib")


@pytest.mark.parametrize(
    "metadata",
    [{"direct_url_json": "{"}, {"direct_url_json": "[" * 100_000}],
    ids=["no JSON", "deep JSON"],
)
def test_metadata_that_cannot_be_read_are_an_error(site: Path, metadata: dict[str, str]) -> None:
    install(site, "my-lib", {"my_lib/__init__.py": ""}, **metadata)
    with pytest.raises(LockfileError, match="the metadata of package 'my-lib' cannot be read"):
        find_in_package("my-lib")


@pytest.mark.parametrize(
    "url",
    ["[]", '{"url": 3, "dir_info": {"editable": true}}', '{"url": "https://x/y", "dir_info": 1}',
     '{"url": "file://host/x", "dir_info": {"editable": true}}'],
)  # fmt: skip
def test_metadata_of_other_kinds_lead_nowhere(site: Path, url: str) -> None:
    install(site, "my-lib", {"my_lib/__init__.py": ""}, direct_url_json=url)
    with pytest.raises(LockfileError, match=r"ships no llmring\.lock"):
        find_in_package("my-lib")


def test_a_broken_lockfile_names_package_and_place(site: Path) -> None:
    install(site, "my-lib", {"my_lib/llmring.lock": "\nversion = 1"})
    with pytest.raises(LockfileError) as caught:
        load_package("my-lib")
    path = site / "my_lib" / "llmring.lock"
    assert caught.value.message == (
        f"the lockfile of package 'my-lib': {path}, line 2, version: must be a string such as "
        '"1.0", not the number 1'
    )
    assert caught.value.details["line"] == 2


def test_a_huge_lockfile_of_a_package_is_refused(site: Path) -> None:
    install(site, "my-lib", {"my_lib/llmring.lock": "#" * (300 << 10)})
    with pytest.raises(LockfileError, match="is larger than 262,144 bytes"):
        load_package("my-lib")


def consumer(tmp_path: Path, *packages: str) -> Path:
    path = tmp_path / "llmring.lock"
    path.write_text(f"[extends]\npackages = {json.dumps(packages)}\n", "utf-8")
    return path


def test_a_consumer_uses_a_packages_alias(site: Path, tmp_path: Path) -> None:
    install(site, "my-lib", {"my_lib/llmring.lock": LOCK})
    resolver = AliasResolver(consumer(tmp_path, "my-lib"), environ={})
    assert resolver.pool("my-lib:summarizer").models == ("openai:a",)


def test_extends_is_not_recursive(site: Path, tmp_path: Path) -> None:
    install(site, "core", {"core/llmring.lock": LOCK})
    install(site, "my-lib", {"my_lib/llmring.lock": f'[extends]\npackages = ["core"]\n{LOCK}'})
    resolver = AliasResolver(consumer(tmp_path, "my-lib"), environ={})
    assert not resolver.has_alias("core:summarizer")
    assert not resolver.has_alias("my-lib:core:summarizer")


def test_check_passes_with_its_packages_aliases(site: Path, tmp_path: Path) -> None:
    install(site, "my-lib", {"my_lib/llmring.lock": LOCK})
    found = check(consumer(tmp_path, "my-lib"))
    assert (found.exit_code, found.packages) == (0, {"my-lib": ("summarizer",)})


def test_check_of_a_lockfile_without_packages_passes(tmp_path: Path) -> None:
    assert check(consumer(tmp_path)).exit_code == 0


def test_check_names_every_package_that_cannot_be_used(site: Path, tmp_path: Path) -> None:
    install(site, "good", {"good/llmring.lock": LOCK})
    install(site, "none", {"none/__init__.py": ""})
    found = check(consumer(tmp_path, "gone", "good", "none"))
    assert (found.exit_code, list(found.packages)) == (1, ["good"])
    assert found.problems == {
        "gone": "package 'gone' is not installed; install it, or take it out of [extends]",
        "none": "package 'none' ships no llmring.lock; take it out of [extends]",
    }


@pytest.mark.parametrize("text", [None, "not toml", "version = 1"], ids=["missing", "TOML", "kind"])
def test_check_of_what_cannot_be_read_is_2(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "llmring.lock"
    if text is not None:
        path.write_text(text, "utf-8")
    found = check(path)
    assert found.exit_code == 2
    assert found.error is not None
    assert str(path) in found.error
