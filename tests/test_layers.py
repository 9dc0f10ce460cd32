"""Who may import whom, and the one door of each library: read from the source, not from a run."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: What each of our packages may import of ours, besides itself.
LAYERS: dict[str, frozenset[str]] = {
    "LLM": frozenset(),
    "ai": frozenset({"cloud"}),
    "cloud": frozenset({"LLM"}),
    "llm_kit": frozenset({"LLM", "cloud", "llmring", "local_llm_kit"}),
    "llmring": frozenset({"LLM", "cloud", "local_llm_kit"}),
    "local_llm_kit": frozenset({"LLM"}),
}

#: Where each library may be imported: paths below the root, with `*` for the rest of a name.
DOORS: dict[str, tuple[str, ...]] = {
    "aiosqlite": ("llmring/conversations/sql/*",),
    "alembic": ("llmring/conversations/sql/*",),
    "aiohttp": ("LLM/async_transport*.py",),
    "certifi": ("LLM/async_transport*.py",),
    "click": ("llm_kit/cli/*", "llmring/cli/*", "local_llm_kit/cli/*"),
    "httptools": ("local_llm_kit/server/*",),
    "jsonschema": ("llmring/structured/*",),
    "jinja2": ("local_llm_kit/templates/*",),
    "httpx": ("local_llm_kit/engines/ollama/*",),
    "httpx2": ("llmring/mcp/*",),
    "huggingface_hub": ("local_llm_kit/hub.py",),
    "llama_cpp": ("local_llm_kit/engines/llama_cpp/*",),
    "mcp": ("llmring/mcp/*",),
    "llguidance": ("local_llm_kit/engines/*",),
    "multidict": ("LLM/async_transport*.py",),
    "numpy": ("local_llm_kit/engines/*",),
    "opentelemetry": ("LLM/telemetry/*",),
    "ollama": ("llmring/providers/*", "local_llm_kit/engines/ollama/*"),
    "dotenv": ("llmring/cli/*",),
    "google": ("llmring/providers/*",),
    "platformdirs": ("llmring/conversations/addresses.py", "llmring/registry/disk.py"),
    "prometheus_client": ("llmring/server/*", "local_llm_kit/server/*"),
    "prompt_toolkit": ("llmring/cli/*", "local_llm_kit/cli/*"),
    "pyarrow": ("llm_kit/ray/*", "llm_kit/tables/*"),
    "pydantic": ("LLM/*", "cloud/*", "llm_kit/*", "llmring/*", "local_llm_kit/*"),
    "pydantic_core": ("LLM/*", "cloud/*", "llm_kit/*", "llmring/*", "local_llm_kit/*"),
    "pytest": ("LLM/cassettes/pytest_plugin.py",),
    "ray": ("llm_kit/ray/*",),
    "requests": ("LLM/transport*.py",),
    "rich": ("LLM/batch/bar.py", "llm_kit/cli/*", "llmring/cli/*", "local_llm_kit/cli/*"),
    "safetensors": ("local_llm_kit/engines/transformers/*",),
    "sqlalchemy": ("llmring/conversations/sql/*",),
    "starlette": ("llmring/server/*", "local_llm_kit/server/*"),
    "tomlkit": ("llmring/lockfile/*",),
    "tokenizers": ("local_llm_kit/engines/transformers/*",),
    "torch": ("local_llm_kit/engines/transformers/*",),
    "transformers": ("local_llm_kit/engines/transformers/*",),
    "urllib3": ("LLM/transport*.py",),
    "uvicorn": ("llmring/server/*", "local_llm_kit/server/*"),
    "uvloop": ("local_llm_kit/server/*",),
    "yarl": ("LLM/async_transport*.py",),
}


class Import(NamedTuple):
    path: str
    line: int
    module: str

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def imports_of(source: str, path: str) -> Iterator[Import]:
    """Every import of a file, those inside functions and the lazy `import_module("x")` too."""
    package = Path(path).parent.parts
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.Import):
            yield from (Import(path, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield Import(path, node.lineno, ".".join([*base, *filter(None, [node.module])]))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__"):
                yield Import(path, node.lineno, str(node.args[0].value))


@functools.cache
def all_imports() -> list[Import]:
    files = [file for package in LAYERS for file in sorted((ROOT / package).rglob("*.py"))]
    sources = [(file.read_text("utf-8"), file.relative_to(ROOT).as_posix()) for file in files]
    return [found for source, path in sources for found in imports_of(source, path)]


def breaks_layers(found: Import) -> bool:
    package = found.path.partition("/")[0]
    ours = found.top in LAYERS
    return ours and found.top != package and found.top not in LAYERS[package]


def misses_door(found: Import) -> bool:
    if found.top in LAYERS or found.top in sys.stdlib_module_names:
        return False
    return not any(Path(found.path).match(door) or _below(found.path, door)
                   for door in DOORS.get(found.top, ()))  # fmt: skip


def _below(path: str, door: str) -> bool:
    return door.endswith("/*") and path.startswith(door[:-1])


def test_packages_import_only_downwards() -> None:
    assert [str(found) for found in all_imports() if breaks_layers(found)] == []


def test_each_library_is_imported_only_at_its_door() -> None:
    assert [str(found) for found in all_imports() if misses_door(found)] == []


def test_every_package_of_the_repository_has_a_layer() -> None:
    outside = {"tests", "scripts", "docs", "bench", "examples", "build", "dist"}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - outside
    assert packages == set(LAYERS)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("LLM/client.py", "import local_llm_kit"),
        ("LLM/client.py", "def f():\n    from local_llm_kit.engines import x"),
        ("LLM/client.py", "import importlib\nimportlib.import_module('local_llm_kit')"),
    ],
    ids=["plain", "in a function", "by name"],
)
def test_an_upward_import_is_found(path: str, source: str) -> None:
    assert any(breaks_layers(found) for found in imports_of(source, path))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("LLM/client.py", "import requests.adapters"),
        ("local_llm_kit/client.py", "from llama_cpp import llama_cpp"),
        ("local_llm_kit/engines/sampling.py", "import unheard_of"),
    ],
    ids=["beside the door", "another package", "no door at all"],
)
def test_an_import_past_the_door_is_found(path: str, source: str) -> None:
    assert any(misses_door(found) for found in imports_of(source, path))


def test_relative_imports_are_resolved() -> None:
    source = "from .codec import x\nfrom ..client import y\nfrom . import z"
    found = [one.module for one in imports_of(source, "local_llm_kit/server/app.py")]
    assert found == ["local_llm_kit.server.codec", "local_llm_kit.client", "local_llm_kit.server"]
