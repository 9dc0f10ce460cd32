"""A chat with a model that is scripted: interrupted, failing, thinking aloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import LLMConfigError, LLMError, LLMServerError, ModelNotFoundError
from LLM.streaming import ChatStream
from LLM.types import ChatCompletionChunk
from local_llm_kit.cli.chat_commands import obey
from local_llm_kit.cli.chat_session import Session
from local_llm_kit.cli.conversation import Conversation, load
from local_llm_kit.cli.lines import PipedLines


def chunk(content: str | None = None, **delta: Any) -> ChatCompletionChunk:
    choice = {"index": 0, "delta": {"content": content, **delta}}
    return ChatCompletionChunk.model_validate({"id": "x", "choices": [choice]})


END = ChatCompletionChunk.model_validate(
    {
        "id": "x",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }
)


class Scripted:
    """Answers with what it is given: chunks, or an exception in their place."""

    context_length = None
    reads_images: bool | None = None
    models: Any = None

    def __init__(self, name: str, *script: ChatCompletionChunk | type[BaseException]) -> None:
        self.name = name
        self.script = script
        self.closed = 0

    def stream(self, messages: Sequence[Any], arguments: Mapping[str, Any]) -> ChatStream:
        def close() -> None:
            self.closed += 1

        return ChatStream(self._chunks(), close)

    def _chunks(self) -> Iterator[ChatCompletionChunk]:
        for step in self.script:
            if isinstance(step, type):
                raise step("scripted")
            yield step


@contextmanager
def session(
    *models: Scripted, path: Path | None = None, opens: list[str | None] | None = None
) -> Iterator[Session]:
    """A chat with scripted models; `opens` gets the names that are opened."""
    by_name = {model.name: model for model in models}
    opens = [] if opens is None else opens

    @contextmanager
    def open_model(name: str | None) -> Iterator[Scripted]:
        if name == "broken":
            raise LLMServerError("no broken")
        opens.append(name)
        yield by_name[name or models[0].name]

    def check_model(name: str) -> None:
        if name not in (*by_name, "broken"):
            raise ModelNotFoundError(f"no {name}")

    with Session(open_model, check_model, Conversation(), {}, path) as opened:
        yield opened


def test_ctrl_c_stops_the_answer_and_keeps_what_arrived(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = Scripted("a", chunk("Once "), chunk("upon"), KeyboardInterrupt)
    with session(model, path=tmp_path / "talk.json") as chat:
        chat.ask("Tell me a story.")
    assert model.closed == 1
    assert capsys.readouterr() == ("Once upon\n", "(stopped)\n")
    assert load(tmp_path / "talk.json").turns[-1] == {"role": "assistant", "content": "Once upon"}


def test_a_stop_before_the_first_word_takes_the_question_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with session(Scripted("a", KeyboardInterrupt)) as chat:
        chat.ask("Hello!")
        assert chat.talk.turns == []
        assert "/retry asks again" in capsys.readouterr().err
        assert chat.retry()


def test_a_failure_amid_an_answer_begins_a_new_line(capsys: pytest.CaptureFixture[str]) -> None:
    with session(Scripted("a", chunk("Half"), LLMServerError)) as chat, pytest.raises(LLMError):
        chat.ask("Hello!")
    assert capsys.readouterr().out == "Half\n"


def test_a_failure_takes_the_question_back_and_retry_has_it() -> None:
    with session(Scripted("a", chunk("Half"), LLMServerError)) as chat:
        with pytest.raises(LLMServerError):
            chat.ask("Hello!")
        assert chat.talk.turns == []
        chat.answerer.script = (chunk("Hi!"), END)
        assert chat.retry()
    assert [turn["content"] for turn in chat.talk.turns] == ["Hello!", "Hi!"]


def test_thoughts_are_no_part_of_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with session(Scripted("a", chunk(reasoning_content="Hm."), chunk("Yes."), END)) as chat:
        chat.ask("Well?")
    assert capsys.readouterr().out == "Yes.\n"
    assert chat.talk.turns[-1]["content"] == "Yes."


def test_a_model_that_cannot_be_loaded_leaves_the_one_before() -> None:
    with session(Scripted("a", chunk("A"), END), Scripted("b", chunk("B"), END)) as chat:
        chat.switch("b")
        with pytest.raises(LLMServerError, match="no broken"):
            chat.switch("broken")
        chat.ask("Who?")
    assert (chat.talk.model, chat.talk.turns[-1]["content"]) == ("b", "B")


def test_a_model_that_is_not_there_is_told_before_the_one_that_answers_goes() -> None:
    opens: list[str | None] = []
    with session(Scripted("a", chunk("A"), END), opens=opens) as chat:
        with pytest.raises(ModelNotFoundError, match="no c"):
            chat.switch("c")
        chat.ask("Who?")
    assert opens == [None]


def test_images_go_with_one_question() -> None:
    with session(Scripted("a", chunk("A cat."), END)) as chat:
        chat.images.append("data:image/png;base64,AAAA")
        chat.ask("What is this?")
        chat.ask("Sure?")
    contents = [turn["content"] for turn in chat.talk.turns if turn["role"] == "user"]
    assert [part["type"] for part in contents[0]] == ["text", "image_url"]
    assert contents[1] == "Sure?"


def test_an_image_goes_with_one_question_also_where_nothing_can_be_kept(tmp_path: Path) -> None:
    with session(Scripted("a", chunk("A cat."), END), path=tmp_path / "none/talk.json") as chat:
        chat.images.append("data:image/png;base64,AAAA")
        with pytest.raises(LLMConfigError, match="cannot write"):
            chat.ask("What is this?")
    assert chat.images == []


def test_names_of_models_never_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    model = Scripted("a")
    model.models = lambda: ["a", "b\x1b]0;mine\a"]
    with session(model) as chat:
        obey(chat, "/model", PipedLines())
    assert "\nb\N{REPLACEMENT CHARACTER}]0;mine" in capsys.readouterr().err


def test_an_image_goes_to_a_model_that_reads_images(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    line, model = f"/image {tmp_path / 'a.png'}", Scripted("a")
    with session(model) as chat:
        obey(chat, line, PipedLines())
        model.reads_images = False
        with pytest.raises(LLMConfigError, match="a reads no images"):
            obey(chat, line, PipedLines())
    assert len(chat.images) == 1


def test_what_is_taken_back_is_no_longer_kept(tmp_path: Path) -> None:
    with session(Scripted("a", chunk("Hi!"), END), path=tmp_path / "one.json") as chat:
        chat.ask("My secret.")
        chat.undo()
    assert load(tmp_path / "one.json").turns == []


def test_a_reset_begins_a_new_file(tmp_path: Path) -> None:
    with session(Scripted("a", chunk("Hi!"), END), path=tmp_path / "one.json") as chat:
        chat.ask("Hello!")
        chat.reset()
        chat.ask("Hello again!")
    assert len(list(tmp_path.iterdir())) == 2
    assert load(tmp_path / "one.json").turns[0]["content"] == "Hello!"
