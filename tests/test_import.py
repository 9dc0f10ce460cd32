"""What importing and installing bring along: an allow-list, checked in fresh interpreters."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent

#: Third-party packages that `import LLM` may load: its three requirements and what they import.
MAY_LOAD = {
    "LLM", "annotated_types", "certifi", "charset_normalizer", "idna", "pydantic", "pydantic_core",
    "requests", "typing_extensions", "typing_inspection", "urllib3",
}  # fmt: skip

#: What must stay unloaded until a model or a server is asked for.
HEAVY = {
    "aiohttp", "anthropic", "click", "httpx", "httpx2", "jinja2", "llama_cpp", "numpy", "openai",
    "starlette", "torch", "transformers", "uvicorn", "uvloop",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter loads for `statement`."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    # -I and -S leave out the environment's start-up files, which load modules of their own.
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    code = f"import sys; sys.path[:0] = {paths!r}\n{code}"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(run.stdout.splitlines()[-1])}


def third_party(names: set[str]) -> set[str]:
    """`names` without the standard library and the helpers of compiled modules."""
    helpers = {name for name in names if re.match(r"_|cython_runtime$|[0-9a-f]+__mypyc$", name)}
    return names - helpers - sys.stdlib_module_names


@pytest.mark.parametrize("statement", ["import LLM", "from LLM import *"])
def test_importing_llm_loads_only_its_requirements(statement: str) -> None:
    assert third_party(loaded_by(statement)) - MAY_LOAD == set()


def test_importing_the_local_client_takes_no_more_than_a_bare_install_has() -> None:
    names = third_party(loaded_by("from local_llm_kit import *"))
    assert names - MAY_LOAD == {"local_llm_kit"}


@pytest.mark.parametrize("module", ["LLM", "local_llm_kit", "local_llm_kit.__main__"])
def test_importing_loads_no_engine_and_no_server(module: str) -> None:
    assert loaded_by(f"import {module}") & HEAVY == set()


@pytest.mark.parametrize("module", ["cloud", "cloud.llm", "ai.ai_agents.providers"])
def test_importing_the_cloud_loads_no_way_to_call(module: str) -> None:
    assert loaded_by(f"import {module}") & {"requests", "urllib3", *HEAVY} == set()


@pytest.mark.parametrize("provider", ["Anthropic", "Gemini", "Ollama", "OpenAICompat"])
def test_a_client_loads_its_own_worlds_library_alone(provider: str) -> None:
    blocking = loaded_by(f"from cloud.llm import {provider}Client")
    coroutines = loaded_by(f"from cloud.llm import Async{provider}Client")
    worlds = {"requests", "urllib3", *HEAVY}
    assert (blocking & worlds, coroutines & worlds) == ({"requests", "urllib3"}, {"aiohttp"})


def test_help_of_the_command_line_loads_no_engine_and_no_server() -> None:
    show_help = "cli.main(['serve', '--help'], standalone_mode=False)"
    loaded = loaded_by(f"from local_llm_kit.cli import cli; {show_help}")
    assert loaded & (HEAVY - {"click"}) == set()


#: What the ring must leave alone until it calls, or is asked for a provider's own client.
RING_LATER = {"dotenv", "google", "jsonschema", "ollama", "rich", "tomlkit", *HEAVY}


def test_importing_llmring_loads_nothing_of_others() -> None:
    assert third_party(loaded_by("import llmring")) == {"LLM", "llmring"}


@pytest.mark.parametrize("statement", ["from llmring import LLMRing", "from llmring import *"])
def test_importing_the_ring_takes_no_more_than_a_bare_install_has(statement: str) -> None:
    assert third_party(loaded_by(statement)) - MAY_LOAD == {"cloud", "llmring"}


def test_making_a_ring_loads_no_way_to_call() -> None:
    made = loaded_by("from llmring import LLMRing; LLMRing()")
    assert made & {"requests", "urllib3", *RING_LATER} == set()


@pytest.mark.parametrize("command", [[], ["chat"], ["lock", "init"]])
def test_help_of_llmring_loads_click_alone(command: list[str]) -> None:
    show_help = f"cli.main({[*command, '--help']!r}, standalone_mode=False)"
    loaded = loaded_by(f"from llmring.cli import cli; {show_help}")
    assert third_party(loaded) == {"LLM", "click", "llmring", "local_llm_kit"}


def test_a_bare_install_asks_for_three_libraries() -> None:
    required = importlib.metadata.requires("llm-kit") or []
    bare = {re.match(r"[\w-]+", line).group() for line in required if "extra ==" not in line}
    assert bare == {"pydantic", "requests", "urllib3"}


def test_every_requirement_of_an_extra_is_pinned_for_development() -> None:
    lines = (ROOT / "requirements.txt").read_text().lower()
    pinned = set(re.findall(r"^([\w-]+)(?:\[.*\])?==", lines, re.MULTILINE))
    required = {
        re.match(r"[\w-]+", line).group() for line in importlib.metadata.requires("llm-kit")
    }
    assert required - pinned == {"llm-kit"}
