"""The check of a safetensors file and of a model's folder before a library reads them."""

from __future__ import annotations

import json
import random
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from LLM import InvalidRequestError
from local_llm_kit import checkpoint, safetensors_file
from tests.local.support import TINY

pytestmark = pytest.mark.slow

FOLDER = TINY.parent
DATA = (FOLDER / "model.safetensors").read_bytes()
GOOD: dict[str, Any] = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}


def packed(header: object, n_data: int = 24) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(n_data)


def entry(**changes: Any) -> dict[str, Any]:
    return {"a": GOOD["a"] | changes}


def written(folder: Path, data: bytes) -> Path:
    path = folder / "model.safetensors"
    path.write_bytes(data)
    return path


def copied(folder: Path) -> Path:
    """The tiny model's safetensors folder, to be spoiled."""
    target = folder / "model"
    shutil.copytree(FOLDER, target, ignore=shutil.ignore_patterns("*.gguf"))
    return target


def with_setting(folder: Path, name: str, **settings: object) -> Path:
    target = copied(folder)
    config = json.loads((target / name).read_text())
    (target / name).write_text(json.dumps(config | settings))
    return target


def sharded(folder: Path, **places: str) -> Path:
    """A model of two files with an index, which `places` overrides."""
    target = copied(folder)
    (target / "model.safetensors").rename(target / "model-00001-of-00002.safetensors")
    (target / "model-00002-of-00002.safetensors").write_bytes(packed(GOOD))
    names = {"model.norm.weight": "model-00001-of-00002.safetensors"}
    index = {"weight_map": names | {"a": "model-00002-of-00002.safetensors"} | places}
    (target / checkpoint.INDEX).write_text(json.dumps(index))
    return target


def test_the_bundled_weights_pass() -> None:
    header = safetensors_file.check(FOLDER / "model.safetensors")
    assert header.tensors["model.norm.weight"].shape == (128,)
    assert sum(tensor.size_bytes for tensor in header.tensors.values()) < len(DATA)


def test_an_empty_tensor_and_a_single_number_pass(tmp_path: Path) -> None:
    header = {
        "none": {"dtype": "BF16", "shape": [0, 4], "data_offsets": [0, 0]},
        "one": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]},
    }
    tensors = safetensors_file.check(written(tmp_path, packed(header, 8))).tensors
    assert tensors["one"].shape == ()
    assert tensors["none"].size_bytes == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "too few"),
        (struct.pack("<Q", 1 << 62) + DATA[8:], "said to have"),
        (struct.pack("<Q", 1 << 26) + bytes((1 << 26) + 8), "said to have 67,108,864"),
        (DATA[:-1], "its tensors take"),
        (DATA + b"\0", "its tensors take"),
        (packed(b" " + json.dumps(GOOD).encode()), "no JSON object"),
        (packed(b'{"a":' + b"[" * 100_000), "nested too deeply"),
        (packed(b'{"a": ' + b"9" * 10_000 + b"}"), "cannot be read"),
        (packed(b'{"a": NaN}'), "NaN is no JSON"),
        (packed(b'{"\\ud800": 1}'), "no UTF-8"),
        (packed(b'{"\xff": 1}'), "no UTF-8"),
        (packed(json.dumps(GOOD)[:-1].encode() + b', "a": 1}'), "twice"),
        (packed(entry(dtype="F33")), "unknown type 'F33'"),
        (packed(entry(dtype=["F32"])), "unknown type"),
        (packed(entry(shape=[2, -3])), "a shape that is none"),
        (packed(entry(shape=[True, 6])), "a shape that is none"),
        (packed(entry(shape=[1] * 17)), "a shape that is none"),
        (packed(entry(shape=[1 << 62, 1 << 62])), "takes 24 bytes"),
        (packed(entry(data_offsets=[24, 0])), "a place in the file"),
        (packed(entry(data_offsets=[8, 32]), 32), "does not begin where"),
        (packed(entry(more=1)), "not told by"),
        (packed(GOOD | {"": GOOD["a"]}), "has the name ''"),
        (packed(GOOD | {"b": GOOD["a"]}), "does not begin where"),
        (packed(GOOD | {"__metadata__": {"format": 1}}), "metadata are not texts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_header_that_lies_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a model that can be loaded") as caught:
        safetensors_file.check(written(tmp_path, data))
    assert reason in str(caught.value)
    assert caught.value.code == "invalid_safetensors"


def mutants(n: int) -> list[bytes]:
    chance = random.Random(3)
    end = 8 + struct.unpack("<Q", DATA[:8])[0]
    made = []
    for _ in range(n):
        data = bytearray(DATA)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(end)
            piece = chance.choice([b"", b"\0", b"9", b"[", b'"', b"\xff", data[:8]])
            data[place : place + chance.randint(0, 3)] = piece
        made.append(bytes(data))
    return made


def test_mutants_pass_or_are_refused_by_our_error(tmp_path: Path) -> None:
    n_refused = 0
    for data in mutants(300):
        try:
            safetensors_file.check(written(tmp_path, data))
        except InvalidRequestError:
            n_refused += 1
    assert n_refused > 250


def test_a_missing_file_is_told() -> None:
    with pytest.raises(InvalidRequestError, match="cannot open the model file 'no/such'"):
        safetensors_file.check("no/such")


def test_the_bundled_folder_passes() -> None:
    found = checkpoint.check_folder(FOLDER)
    assert found.config["model_type"] == "llama"
    assert found.files == (FOLDER / "model.safetensors",)
    assert found.size_bytes == sum(tensor.size_bytes for tensor in found.tensors.values())


def test_a_model_in_several_files_passes(tmp_path: Path) -> None:
    found = checkpoint.check_folder(sharded(tmp_path))
    assert len(found.files) == 2
    assert {"a", "model.norm.weight"} <= found.tensors.keys()


@pytest.mark.parametrize(
    ("places", "reason"),
    [
        ({"a": "../model-00002-of-00002.safetensors"}, "names the file '../model"),
        ({"a": "/etc/passwd"}, "names the file '/etc/passwd'"),
        ({"a": "weights.bin"}, "names the file 'weights.bin'"),
        ({"b": "model-00003-of-00002.safetensors"}, "1 of its 3 files are missing"),
        ({"b": "model-00002-of-00002.safetensors"}, "lacks the tensor 'b'"),
    ],
    ids=["outside", "absolute", "a pickle", "missing", "a tensor short"],
)
def test_an_index_that_lies_is_refused(tmp_path: Path, places: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a model that can be loaded") as caught:
        checkpoint.check_folder(sharded(tmp_path, **places))
    assert reason in str(caught.value)


@pytest.mark.parametrize("ending", checkpoint.PICKLES)
def test_pickled_weights_are_refused(tmp_path: Path, ending: str) -> None:
    folder = copied(tmp_path)
    (folder / "model.safetensors").rename(folder / f"pytorch_model{ending}")
    with pytest.raises(InvalidRequestError, match="take a version with safetensors"):
        checkpoint.check_folder(folder)


CODE = {"AutoModelForCausalLM": "modeling_evil.Evil"}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("config.json", {"auto_map": CODE}),
        ("config.json", {"text_config": {"auto_map": CODE}}),
        ("config.json", {"trust_remote_code": True}),
        ("tokenizer_config.json", {"auto_map": CODE}),
    ],
    ids=["model", "part of a model", "trust", "tokenizer"],
)
def test_code_runs_only_when_the_caller_says_so(
    tmp_path: Path, name: str, settings: dict[str, object]
) -> None:
    folder = with_setting(tmp_path, name, **settings)
    with pytest.raises(InvalidRequestError, match="pass trust_remote_code=True"):
        checkpoint.check_folder(folder)
    assert checkpoint.check_folder(folder, trust_remote_code=True).files


@pytest.mark.parametrize("key", ["attn_implementation", "_experts_implementation_internal"])
def test_kernels_from_elsewhere_are_refused(tmp_path: Path, key: str) -> None:
    assert checkpoint.check_folder(with_setting(tmp_path, "config.json", **{key: "sdpa"}))
    (tmp_path / "model").rename(tmp_path / "first")
    folder = with_setting(tmp_path, "config.json", **{key: {"": "evil/kernels"}})
    with pytest.raises(InvalidRequestError, match="names foreign code"):
        checkpoint.check_folder(folder, trust_remote_code=True)


@pytest.mark.parametrize(
    ("config", "reason"),
    [("[]", "no JSON object"), ("{", "no JSON:"), ("{}", "names no model_type")],
)
def test_settings_that_cannot_be_read_are_told(tmp_path: Path, config: str, reason: str) -> None:
    folder = copied(tmp_path)
    (folder / "config.json").write_text(config)
    with pytest.raises(InvalidRequestError, match=reason):
        checkpoint.check_folder(folder)


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_code_hidden_deep_in_settings_is_found(tmp_path: Path, depth: int) -> None:
    folder = copied(tmp_path)
    deep = '{"a":' * depth + '{"auto_map": {"A": "b.C"}}' + "}" * depth
    (folder / "config.json").write_text(f'{{"model_type": "llama", "a": {deep}}}')
    with pytest.raises(InvalidRequestError, match=r"'auto_map'|nested too deeply"):
        checkpoint.check_folder(folder)


def test_an_adapter_says_how_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InvalidRequestError, match="give it as adapters="):
        checkpoint.check_folder(tmp_path)
