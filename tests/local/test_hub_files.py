"""Names of models on a hub, and which files of a repository they mean."""

from __future__ import annotations

import pytest

from LLM import LLMConfigError, ModelNotFoundError
from local_llm_kit.hub_files import HubName, choose, matches, parse_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner/name", HubName("owner/name")),
        ("owner/name:Q4_K_M", HubName("owner/name", pattern="Q4_K_M")),
        ("hf.co/owner/name:latest", HubName("owner/name")),
        ("https://huggingface.co/owner/name", HubName("owner/name")),
        ("hf:owner/name@v1.0:*Q8*.gguf", HubName("owner/name", "v1.0", "*Q8*.gguf")),
        ("owner/name@refs/pr/3", HubName("owner/name", "refs/pr/3")),
        ("name", None),
        ("owner/name/more", None),
        ("../name", None),
    ],
)
def test_names_of_repositories_are_read(text: str, expected: HubName | None) -> None:
    assert parse_name(text) == expected


def test_a_revision_cannot_lead_out_of_the_cache() -> None:
    with pytest.raises(LLMConfigError, match="is no revision"):
        parse_name("owner/name@refs/../../x")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("Q4_K_M", True),
        ("q4_k_m", True),
        ("Q4_K", False),
        ("4_K_M", False),
        ("*Q4*", True),
        ("*.gguf", True),
        ("model-Q4_K_M.gguf", True),
        ("sub/model-Q4_K_M.gguf", True),
        ("other.gguf", False),
    ],
)
def test_a_file_is_meant_by_its_quantisation_its_name_or_a_pattern(
    pattern: str, found: bool
) -> None:
    assert matches("sub/model-Q4_K_M.gguf", pattern) is found


PARTS = ["m-Q4_K_M-00001-of-00002.gguf", "m-Q4_K_M-00002-of-00002.gguf"]


@pytest.mark.parametrize(
    ("files", "pattern", "expected"),
    [
        (["a-Q8_0.gguf", "mmproj-a.gguf"], None, ("a-Q8_0.gguf",)),
        (["a-Q8_0.gguf", "a-Q4_K_M.gguf"], None, ("a-Q4_K_M.gguf",)),
        (PARTS, None, tuple(PARTS)),
        ([*PARTS, "m-Q8_0.gguf"], "*q4*", tuple(PARTS)),
    ],
    ids=["the only one", "the default", "parts", "parts by a pattern"],
)
def test_the_file_of_a_name_is_chosen(
    files: list[str], pattern: str | None, expected: tuple[str, ...]
) -> None:
    assert choose(HubName("o/n", pattern=pattern), files, ("gguf",)).files == expected


@pytest.mark.parametrize(
    ("files", "pattern", "message"),
    [
        (
            ["a-Q8_0.gguf", "a-Q5_0.gguf"],
            None,
            "it has no 'Q4_K_M' file; give one .* 'a-Q5_0.gguf'",
        ),
        (["a-Q8_0.gguf", "b-Q8_0.gguf"], "Q8_0", "several of its files match 'Q8_0'"),
        (PARTS[:1], None, "it has no GGUF files; it has 'm-Q4"),
        (["model.bin"], None, "it has no GGUF files; it has 'model.bin'"),
        (["config.json", "model.safetensors"], None, "of another kind than the back end reads"),
        (["config.json", "model.safetensors"], "Q8_0", "has no GGUF files; leave that out"),
    ],
    ids=["no default", "several", "a part short", "pickles", "another kind", "no pattern there"],
)
def test_no_choice_says_what_is_there(files: list[str], pattern: str | None, message: str) -> None:
    with pytest.raises(ModelNotFoundError, match=message):
        choose(HubName("o/n", pattern=pattern), files, ("gguf",))
