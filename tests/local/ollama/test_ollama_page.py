"""What users copy from docs/ollama.md works, against the scripted server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.local.ollama.fake import SHOWN, FakeOllama

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[3] / "docs" / "ollama.md"
SAMPLES = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("code", SAMPLES, ids=range(1, len(SAMPLES) + 1))
def test_a_sample_runs(
    fake: FakeOllama,
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", fake.host)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(16))
    fake.models |= {"llama3.2": SHOWN, "llava": SHOWN | {"capabilities": ["vision"]}}
    exec(compile(code, str(PAGE), "exec"), {})
    asked = len(fake.bodies("/api/chat"))
    assert asked
    assert capsys.readouterr().out.count("Hello there") == asked


def test_the_page_has_samples() -> None:
    assert SAMPLES
