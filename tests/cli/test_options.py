"""Options: of the library's own names, kinds and bounds; help that is quick."""

from __future__ import annotations

from dataclasses import fields

import click
import pytest

from local_llm_kit.arguments import parse_chat
from local_llm_kit.catalog import Defaults
from local_llm_kit.cli import options
from local_llm_kit.cli.command import in_flags
from local_llm_kit.cli.quantities import Duration, Size
from local_llm_kit.engines.llama_cpp.context import KV_TYPES
from local_llm_kit.engines.llama_cpp.options import MAX_SLOTS
from local_llm_kit.engines.transformers.options import DTYPES, QUANTIZATIONS
from local_llm_kit.load_options import LoadOptions
from tests.cli.support import run
from tests.test_import import loaded_by

COMMANDS = ("serve", "chat", "run", "bench")


def test_every_option_of_loading_has_a_flag() -> None:
    # Code alone can trust a model's code, and watch it load.
    without = {"trust_remote_code", "on_load"}
    assert set(options.LOAD_OPTIONS) == {one.name for one in fields(LoadOptions)} - without


def test_choices_are_the_engines_own() -> None:
    assert tuple(KV_TYPES) == options.KV_TYPES
    assert options.DTYPES == DTYPES
    assert options.QUANTIZATIONS == QUANTIZATIONS
    assert options.MAX_SLOTS == MAX_SLOTS


def test_sampling_options_are_arguments_of_a_call() -> None:
    values = {"max_tokens": 5, "stop": ["x"], "seed": 1, "top_k": 3}
    given = dict.fromkeys(options.SAMPLING, 0.5) | values
    parse_chat({"messages": [{"role": "user", "content": "Hi"}], **given}, Defaults())


def test_options_that_were_not_given_are_not_sent() -> None:
    settings = dict.fromkeys(options.SAMPLING) | {"stop": (), "top_k": 0, "url": None}
    assert options.take_sampling(settings) == {"top_k": 0}
    assert settings == {"url": None}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("5m", 300), ("1.5h", 5400), ("250ms", 0.25), ("2 d", 172_800), ("FOREVER", None)],
)
def test_a_time_is_read(text: str, seconds: float | None) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "1w", "1e9", "9" * 99])
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 90, 5m, 1h or forever"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize("text", ["", "0", "-1", "50%", "2 apples"])
def test_a_text_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no size"):
        Size().convert(text, None, None)


def test_an_error_names_flags_and_leaves_words_and_paths_alone() -> None:
    flags = {"n_slots": "--slots", "threads": "--threads", "n_threads": "--threads"}
    message = "threads is 0; n_slots of threads in /a/n_slots.gguf, and n_threads"
    assert in_flags(message, flags) == (
        "--threads is 0; --slots of threads in /a/n_slots.gguf, and --threads"
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_loads_no_library_but_click(command: str) -> None:
    arguments = [*command.split(), "--help"]
    loaded = loaded_by(
        f"from local_llm_kit.cli import cli; cli.main({arguments!r}, standalone_mode=False)"
    )
    heavy = {"httpx", "numpy", "prompt_toolkit", "pydantic", "pydantic_core", "requests", "rich",
             "starlette", "urllib3", "uvicorn"}  # fmt: skip
    assert loaded & heavy == set()


def test_help_lists_options_under_headings() -> None:
    text = run("run", "--help").stdout
    headings = [text.index(f"\n{one}:\n") for one in ("Options", "Sampling", "Server", "Loading")]
    assert headings == sorted(headings)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_no_wider_than_a_terminal_but_for_examples(command: str) -> None:
    text = run(command, "--help").stdout.partition("Examples:")[0]
    assert max(map(len, text.splitlines())) <= 80
