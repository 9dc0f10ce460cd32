"""Streams: chunks add up to the answer, and ending one early ends the work behind it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from LLM import ChatCompletionChunk, ChatStream, CompletionChunk, CompletionStream, LLMResponseError
from LLM.assembly import ChatAssembler


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> Any:
    choice = {"index": index, "delta": delta, "finish_reason": finish, **more}
    return ChatCompletionChunk.model_validate({"id": "c1", "model": "m", "choices": [choice]})


def usage(**counts: int) -> Any:
    return ChatCompletionChunk.model_validate({"choices": [], "usage": counts})


class Work:
    """Chunks, and whether they were ended."""

    def __init__(self, *chunks: Any) -> None:
        self.chunks = chunks
        self.given = 0
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        for one in self.chunks:
            self.given += 1
            if isinstance(one, Exception):
                raise one
            yield one

    def close(self) -> None:
        self.closed += 1

    def stream(self, **settings: Any) -> ChatStream:
        return ChatStream(iter(self), self.close, **settings)


HELLO = (chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}),
         chunk({"content": "lo"}), chunk({}, "stop"),
         usage(prompt_tokens=3, completion_tokens=2, total_tokens=5))  # fmt: skip


def test_chunks_add_up_to_the_answer() -> None:
    work = Work(*HELLO)
    stream = work.stream()
    assert list(stream) == list(HELLO)
    response = stream.response
    assert (response.id, response.model, response.text) == ("c1", "m", "Hello")
    assert response.choices[0].finish_reason == "stop"
    assert response.usage is not None
    assert response.usage.total_tokens == 5
    assert work.closed == 1


def test_response_reads_the_rest_first() -> None:
    stream = Work(*HELLO).stream()
    next(stream)
    assert stream.text == ""
    assert stream.response.text == "Hello"
    assert list(stream) == []


def test_text_comes_piece_by_piece() -> None:
    assert list(Work(*HELLO).stream().iter_text()) == ["Hel", "lo"]


def test_leaving_the_block_ends_the_work() -> None:
    work = Work(*HELLO)
    with work.stream() as stream:
        next(stream)
        next(stream)
    assert (work.given, work.closed) == (2, 1)
    assert stream.response.text == "Hel", "what had arrived is kept"
    assert list(stream) == []


def test_dropping_a_stream_ends_the_work() -> None:
    gc.disable()  # the last reference must do it, not the collector
    try:
        work = Work(*HELLO)
        stream = work.stream()
        next(stream)
        del stream
        assert work.closed == 1
    finally:
        gc.enable()


def test_closing_twice_is_closing_once() -> None:
    work = Work(*HELLO)
    stream = work.stream()
    stream.close()
    stream.close()
    assert work.closed == 1
    with pytest.raises(LLMResponseError, match="before any"):
        _ = stream.response


def test_an_error_ends_the_work_and_keeps_what_arrived() -> None:
    work = Work(*HELLO[:2], LLMResponseError("cut short"))
    stream = work.stream()
    with pytest.raises(LLMResponseError, match="cut short"):
        list(stream)
    assert work.closed == 1
    assert stream.response.text == "Hel"


def test_the_finished_answer_is_handed_over_once() -> None:
    finished: list[str] = []
    stream = Work(*HELLO).stream(finish=lambda response: finished.append(response.text))
    list(stream)
    list(stream)
    _ = stream.response
    assert finished == ["Hello"]


def test_stopping_hands_no_answer_over_where_closing_does() -> None:
    finished: list[str] = []
    for end in ("stop", "close"):
        stream = Work(*HELLO).stream(finish=lambda response: finished.append(response.text))
        for _ in range(4):  # to the finish reason
            next(stream)
        getattr(stream, end)()
    assert finished == ["Hello"]


def test_an_abandoned_answer_is_not_handed_over() -> None:
    finished: list[Any] = []
    stream = Work(*HELLO).stream(finish=finished.append)
    next(stream)
    stream.close()
    assert (list(stream), finished) == ([], [])


def call(
    index: int | None, *, id: str | None = None, name: str | None = None, args: str = ""
) -> Any:
    function = {"name": name, "arguments": args}
    return chunk({"tool_calls": [{"index": index, "id": id, "function": function}]})


@pytest.mark.parametrize(
    "indices", [(0, 0, 1, 1), (None, None, None, None)], ids=["indices", "no-indices"]
)
def test_tool_calls_are_pieced_together(indices: tuple[int | None, ...]) -> None:
    a, b, c, d = indices
    stream = Work(
        call(a, id="x", name="add", args='{"a"'), call(b, args=": 1}"),
        call(c, id="y", name="sub"), call(d, args="{}"), chunk({}, "tool_calls"),
    ).stream()  # fmt: skip
    made = [(t.id, t.function.name, t.function.arguments) for t in stream.tool_calls]
    assert made == [("x", "add", '{"a": 1}'), ("y", "sub", "{}")]
    assert stream.response.choices[0].message.content is None


def test_choices_are_kept_apart() -> None:
    stream = Work(
        chunk({"content": "a"}, index=1), chunk({"content": "b"}), chunk({"content": "c"}, index=1),
        chunk({}, "stop"), chunk({}, "length", index=1),
    ).stream()  # fmt: skip
    choices = stream.response.choices
    assert [(c.index, c.message.content, c.finish_reason) for c in choices] == [
        (0, "b", "stop"), (1, "ac", "length"),
    ]  # fmt: skip


def test_unknown_text_fields_add_up() -> None:
    stream = Work(
        chunk({"reasoning_content": "I "}), chunk({"reasoning_content": "think"}),
        chunk({"content": "so", "note": 1}), chunk({}, "stop"),
    ).stream()  # fmt: skip
    message = stream.response.choices[0].message
    assert message.model_extra == {"reasoning_content": "I think", "note": 1}


def test_log_probabilities_add_up() -> None:
    def with_logprob(token: str) -> Any:
        content = [{"token": token, "logprob": -0.5, "bytes": None, "top_logprobs": []}]
        return chunk({"content": token}, logprobs={"content": content})

    logprobs = Work(with_logprob("a"), with_logprob("b")).stream().response.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert [entry.token for entry in logprobs.content] == ["a", "b"]


def left_at_the_finish_reason(finished: list[str], error: Exception | None = None) -> None:
    with Work(*HELLO).stream(finish=lambda response: finished.append(response.text)) as stream:
        for one in stream:
            if one.choices and one.choices[0].finish_reason:
                break
        if error:
            raise error


def test_an_answer_that_is_left_at_its_finish_reason_is_handed_over() -> None:
    finished: list[str] = []
    left_at_the_finish_reason(finished)
    assert finished == ["Hello"]


def test_an_answer_that_is_left_by_an_error_is_not_handed_over() -> None:
    finished: list[str] = []
    with pytest.raises(KeyError):
        left_at_the_finish_reason(finished, KeyError())
    assert finished == []


def test_a_stream_is_finished_when_every_choice_is() -> None:
    assembler = ChatAssembler()
    for one, finished in [
        (chunk({"content": "a"}), False), (chunk({}, "stop"), True),
        (chunk({"content": "b"}, index=1), False), (chunk({}, "stop", index=1), True),
    ]:  # fmt: skip
        assembler.add(one)
        assert assembler.finished is finished


def test_text_completions_add_up_too() -> None:
    def piece(text: str, finish: str | None = None) -> CompletionChunk:
        logprobs = {"tokens": [text], "token_logprobs": [-0.1], "text_offset": [0]}
        choice = {"text": text, "finish_reason": finish, "logprobs": logprobs}
        return CompletionChunk.model_validate({"id": "c", "choices": [choice]})

    stream = CompletionStream(iter([piece("Once "), piece("upon", "stop")]), lambda: None)
    assert list(stream.iter_text()) == ["Once ", "upon"]
    choice = stream.response.choices[0]
    assert (choice.text, choice.finish_reason) == ("Once upon", "stop")
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == ["Once ", "upon"]
    assert choice.logprobs.top_logprobs is None
