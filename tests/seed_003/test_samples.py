"""Every sample of the reference runs against the local server and does what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from LLM import ChatCompletionResponse, CompletionResponse, LLMError
from tests.samples import Sample, python_samples

SAMPLES = {
    sample.heading: sample for sample in python_samples(Path(__file__).parent / "samples.md")
}
SETUP = ("Basic Setup", "Chat Completion")


def _is_closed(after: SimpleNamespace) -> bool:
    with pytest.raises(LLMError, match="closed"):
        after.llm.chat_completion(after.messages)
    return True


#: What must hold after each sample; `s` holds its variables and the `printed` text.
OUTCOMES: dict[str, Callable[[SimpleNamespace], bool]] = {
    "Basic Setup": lambda s: s.llm.config is s.config and s.config.model == "gpt-4",
    "Chat Completion": lambda s: s.printed.strip() == s.response.text.strip() != "",
    "Text Completion": lambda s: s.printed.strip() == s.response.choices[0].text.strip() != "",
    "List Models": lambda s: "tiny" in s.printed.splitlines(),
    "Context Manager": lambda s: s.printed.strip() != "" and _is_closed(s),
    "Error Handling": lambda s: isinstance(s.response, ChatCompletionResponse) and not s.printed,
    "chat_completion()": lambda s: s.response.text and s.response.usage.completion_tokens <= 150,
    "completion()": lambda s: isinstance(s.response, CompletionResponse),
    "list_models()": lambda s: [model.id for model in s.models.data] == ["tiny"],
    "get_last_response()": lambda s: s.last is s.response,
    "get_request_count()": lambda s: s.count == 1,
    "reset_session()": lambda s: (
        s.llm.get_last_response() is None and s.llm.get_request_count() == 0
    ),
    "close()": _is_closed,
    "Retry Behavior": lambda s: (s.config.max_retries, s.config.retry_delay) == (5, 2.0),
    "Connection Reuse": lambda s: s.response.text != "" and _is_closed(s),
    "Session Reset": lambda s: s.request_count == 100 and s.llm.get_request_count() == 0,
}


def test_every_sample_has_an_outcome() -> None:
    assert list(SAMPLES) == list(OUTCOMES)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=str)
def test_sample_runs_and_does_what_it_says(
    sample: Sample, local_server_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace: dict[str, object] = {
        "prompts": ["Hello!", "What is 2 plus 2?"],
        "large_dataset": ["Hi"] * 100,
    }
    for heading in SETUP:
        SAMPLES[heading].run(namespace, local_server_url)
    capsys.readouterr()
    sample.run(namespace, local_server_url)
    printed = capsys.readouterr().out
    assert OUTCOMES[sample.heading](SimpleNamespace(**namespace, printed=printed))
    namespace["llm"].close()
