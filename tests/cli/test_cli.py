"""The command line in process: options, exit codes, and errors without tracebacks."""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import Any

import pytest
from click.testing import CliRunner, Result

import local_llm_kit
from LLM import LLMConfigError, __version__
from local_llm_kit import __main__, server
from local_llm_kit.cli import cli
from local_llm_kit.load_options import LoadOptions
from local_llm_kit.server.options import ServerOptions

#: What `serve` hands on without an option: nothing that the library would not choose itself.
DEFAULTS: dict[str, Any] = (
    {field.name: field.default for field in fields(LoadOptions)}
    | {field.name: field.default for field in fields(ServerOptions)}
    | {"model": None, "ollama_host": None}
)
del DEFAULTS["trust_remote_code"]  # only code can say so


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The settings of each call of `serve`, which returns at once."""
    calls: list[dict[str, Any]] = []

    def serve(model: str | None, ready: Any, **settings: Any) -> None:
        calls.append({"model": model, **settings})

    monkeypatch.setattr(server, "serve", serve)
    return calls


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, arguments, env=environ)


def test_serve_without_options_takes_the_defaults(served: list[dict[str, Any]]) -> None:
    assert run("serve").exit_code == 0
    assert served == [DEFAULTS]


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["--model", "m.gguf"], {"model": "m.gguf"}),
        (["-m", "a", "-m", "b", "-m", "c"], {"model": "a", "models": ("b", "c")}),
        (["--host", "::1"], {"host": "::1"}),
        (["--port", "0"], {"port": 0}),
        (["--api-key", "secret"], {"api_key": "secret"}),
        (["--api-key-file", "keys"], {"api_key_file": "keys"}),
        (["--allowed-host", "a.b"], {"allowed_hosts": ("a.b",)}),
        (["--cors-origin", "http://a.b"], {"cors_origins": ("http://a.b",)}),
        (["--log-requests"], {"log_requests": True}),
        (["--log-format", "json"], {"log_format": "json"}),
        (["--grace", "2m"], {"grace_s": 120}),
        (["--alias", "a", "--alias", "b"], {"aliases": ("a", "b")}),
        (["--strict-model"], {"strict_model": True}),
        (["--model-path", "m"], {"model_path": "m"}),
        (["--backend", "llama.cpp"], {"backend": "llama.cpp"}),
        (["--context-length", "512"], {"context_length": 512}),
        (["--slots", "2"], {"n_slots": 2}),
        (["--threads", "1"], {"threads": 1}),
        (["--max-queue", "0"], {"max_queue": 0}),
        (["--memory-budget", "50%"], {"memory_budget": "50%"}),
        (["--keep-alive", "5m"], {"keep_alive": 300}),
        (["--kv-type", "q8_0"], {"kv_type": "q8_0"}),
        (["--cache-size", "1GiB"], {"cache_bytes": 1 << 30}),
        (["--flash-attention"], {"flash_attention": True}),
        (["--no-flash-attention"], {"flash_attention": False}),
        (["--gpu-layers", "-1"], {"n_gpu_layers": -1}),
        (["--device", "cpu"], {"device": "cpu"}),
        (["--dtype", "float32"], {"dtype": "float32"}),
        (["--quantization", "int8"], {"quantization": "int8"}),
        (["--adapter", "a=b=c"], {"adapters": {"a": "b=c"}}),
        (["--draft-model", "d"], {"draft_model": "d"}),
        (["--speculation", "prompt_lookup"], {"speculation": "prompt_lookup"}),
        (["--offline"], {"offline": True}),
        (["--verify"], {"verify": True}),
        (["--no-progress"], {"progress": False}),
        (["--ollama-host", "h"], {"ollama_host": "h"}),
        (["--pull"], {"pull": True}),
        (["--ollama-timeout", "90"], {"server_timeout": 90}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_serve_passes_each_option_on(
    served: list[dict[str, Any]], arguments: list[str], changed: dict[str, Any]
) -> None:
    assert run("serve", *arguments).exit_code == 0
    assert served == [DEFAULTS | changed]


def test_the_key_may_come_from_the_environment(served: list[dict[str, Any]]) -> None:
    assert run("serve", LOCAL_LLM_KIT_API_KEY="secret").exit_code == 0
    assert served[0]["api_key"] == "secret"


def test_the_option_wins_over_the_environment(served: list[dict[str, Any]]) -> None:
    run("serve", "--api-key", "option", LOCAL_LLM_KIT_API_KEY="environment")
    assert served[0]["api_key"] == "option"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "65536"],
        ["--port", "http"],
        ["--slots", "0"],
        ["--slots", "257"],
        ["--threads", "0"],
        ["--context-length", "0"],
        ["--max-queue", "-1"],
        ["--api-key", ""],
        ["--api-key-file"],
        ["--keep-alive", "soon"],
        ["--grace", "forever"],
        ["--cache-size", "much"],
        ["--kv-type", "f8"],
        ["--adapter", "a"],
        ["--gpu-layers", "-2"],
        ["--no-such-option"],
    ],
    ids=" ".join,
)
def test_a_wrong_option_ends_with_2_and_is_named(
    served: list[dict[str, Any]], arguments: list[str]
) -> None:
    result = run("serve", *arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr
    assert served == []


def test_an_error_of_ours_is_one_line_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**settings: Any) -> None:
        raise LLMConfigError("port 8000 is in use")

    monkeypatch.setattr(server, "serve", refuse)
    result = run("serve")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: port 8000 is in use\n"


def test_ctrl_c_while_loading_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**settings: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "serve", interrupt)
    assert run("serve").exit_code == 130


def test_version_is_the_distributions() -> None:
    assert run("--version").output == f"local-llm-kit, version {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["serve"]], ids=["all", "serve"])
def test_help_shows_examples(arguments: list[str]) -> None:
    result = run(*arguments, "--help")
    assert result.exit_code == 0
    assert "Examples:\n    local-llm-kit serve\n" in result.output


def test_a_command_that_is_not_there_is_answered_with_the_nearest() -> None:
    result = run("serv")
    assert result.exit_code == 2
    assert "No such command 'serv'. Did you mean 'serve'?" in result.stderr
    assert "Did you mean" not in run("nothing").stderr


def test_without_click_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    for name in ("local_llm_kit.cli", "local_llm_kit.cli.group"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit, match=r"pip install '\.\[llama,cli\]'") as exit_info:
        __main__.main([])
    assert str(exit_info.value).startswith("error: ")


def test_without_the_servers_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in ("server", "server.run", "server.http_server"):
        monkeypatch.delitem(sys.modules, f"local_llm_kit.{name}", raising=False)
    monkeypatch.delattr(local_llm_kit, "server", raising=False)
    result = run("serve")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: cli serve needs the package 'uvicorn'")
    assert result.stderr.endswith("pip install '.[llama,server]'\n")
