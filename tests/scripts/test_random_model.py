"""`scripts/make-random-model`: models of random weights, the smallest kind only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("gguf")
llama_cpp = pytest.importorskip("llama_cpp")

from random_model.__main__ import make  # noqa: E402
from random_model.quantise import check_rows  # noqa: E402
from random_model.shapes import SHAPES  # noqa: E402
from random_model.vocabulary import filled_tokenizer, silent_ids  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("random")
    make("speed", out, ["f32", "q4_0"])
    return out


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    make("speed", tmp_path, ["f32"])
    for name in ("speed-f32.gguf", "speed/model.safetensors", "speed/tokenizer.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_another_seed_gives_other_weights(folder: Path, tmp_path: Path) -> None:
    make("speed", tmp_path, [], seed=1)
    name = "speed/model.safetensors"
    assert (tmp_path / name).read_bytes() != (folder / name).read_bytes()


@pytest.mark.parametrize("name", ["speed-f32.gguf", "speed-q4_0.gguf"])
def test_greedy_text_never_ends_and_is_ascii(folder: Path, name: str) -> None:
    model = llama_cpp.Llama(str(folder / name), n_ctx=512, n_threads=1, verbose=False)
    try:
        answer = model.create_completion("Count to ten.", max_tokens=300, temperature=0)
    finally:
        model.close()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["choices"][0]["text"].isascii()


def test_quantised_files_are_smaller(folder: Path) -> None:
    sizes = [(folder / f"speed-{name}.gguf").stat().st_size for name in ("f32", "q4_0")]
    assert sizes[1] < sizes[0] / 4


def test_a_type_that_does_not_divide_the_rows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'q4_k' needs rows of a multiple of 256 .*\[128, 384\]"):
        check_rows(SHAPES["speed"], "q4_k")
    check_rows(SHAPES["vocab"], "q4_k")


def test_a_filled_vocabulary_has_a_word_for_every_id() -> None:
    data = filled_tokenizer(5000)
    ids = {*data["model"]["vocab"].values(), *(token["id"] for token in data["added_tokens"])}
    assert ids == set(range(5000))
    assert len(data["model"]["vocab"]) + len(set(silent_ids(data)) & {1022, 1023}) == 5000


@pytest.mark.parametrize("kind", SHAPES)
def test_heads_divide_the_width(kind: str) -> None:
    shape = SHAPES[kind]
    assert shape.hidden % shape.heads == shape.heads % shape.kv_heads == 0


def test_the_script_names_the_types_that_fit(tmp_path: Path) -> None:
    run = subprocess.run(
        [str(ROOT / "scripts/make-random-model"), "speed", str(tmp_path), "--type", "q4_k"],
        env=os.environ | {"VIRTUAL_ENV": os.environ.get("VIRTUAL_ENV", str(ROOT / ".venv"))},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert "take q4_0 or q8_0" in run.stderr
    assert list(tmp_path.iterdir()) == []
