"""How Ollama's API tells an answer: objects on lines, the last one with counts and times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from LLM.exceptions import LLMError
from local_llm_kit.answers import Answer
from local_llm_kit.backends import Growing, JSONObject
from local_llm_kit.engines.protocol import Timings
from local_llm_kit.server.errors import describe, ollama_error
from local_llm_kit.server.ollama.durations import nanoseconds
from local_llm_kit.server.ollama.pieces import ChunkReader, Piece, joined
from local_llm_kit.server.shapes import JSON_LINES, json_line
from local_llm_kit.server.timestamps import utc_text


class OllamaShape:
    """Tells one answer; a `Shape`. It is fed a stream's chunks whether it tells a stream or not.

    :param tell: what a piece of the answer is in an object.
    :param keeps: keep the pieces for a whole answer.
    :param n_top: likeliest tokens of a text completion; see `ChunkReader`.
    :param unloads: whether the model is to be unloaded afterwards.
    :param clock: seconds.
    """

    media_type = JSON_LINES

    def __init__(
        self,
        tell: Callable[[Piece], JSONObject],
        *,
        keeps: bool,
        n_top: int = 0,
        unloads: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.unloads = unloads
        self._tell = tell
        self._keeps = keeps
        self._clock = clock
        self._began_at = clock()
        self._load_s = 0.0
        self._reader = ChunkReader(n_top)
        self._pieces: list[Piece] = []
        self._answer: Growing | None = None

    def loaded(self) -> None:
        """Note that the model is there."""
        self._load_s = self._clock() - self._began_at

    def watch(self, answer: Growing) -> None:
        """Take the answer, whose end will tell where the time went."""
        self._answer = answer

    def whole(self, answer: JSONObject) -> JSONObject:
        """The whole answer, from the chunks that came before."""
        del answer
        return self._last(joined(self._pieces))

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def chunks(self, chunks: Sequence[JSONObject]) -> bytes:
        """A line of what the chunks add, where that is something."""
        piece = self._reader.read(chunks)
        if not piece:
            return b""
        if self._keeps:
            self._pieces.append(piece)
            return b""
        return json_line(_object(self._reader.model, self._tell(piece)) | {"done": False})

    def end(self) -> bytes:
        """The line with counts and times."""
        return json_line(self._last(Piece()))

    def failure(self, error: LLMError) -> bytes:
        """The error as a line; nothing follows."""
        return json_line(ollama_error(describe(error)[1]))

    def _last(self, piece: Piece) -> JSONObject:
        reader = self._reader
        return {
            **_object(reader.model, self._tell(piece)),
            "done": True,
            "done_reason": "length" if reader.reason == "length" else "stop",
            "total_duration": nanoseconds(self._clock() - self._began_at),
            "load_duration": nanoseconds(self._load_s),
            "prompt_eval_count": reader.usage.get("prompt_tokens", 0),
            "eval_count": reader.usage.get("completion_tokens", 0),
            **self._durations(),
            **reader.notes,
        }

    def _durations(self) -> JSONObject:
        timings = _timings(self._answer)
        if timings is None:
            return {}
        return {
            "prompt_eval_duration": nanoseconds(timings.prompt_s),
            "eval_duration": nanoseconds(timings.output_s),
        }


class VisitShape(OllamaShape):
    """Tells that a model was loaded or unloaded, and nothing generated."""

    def __init__(self, tell: Callable[[Piece], JSONObject], *, unloads: bool) -> None:
        super().__init__(tell, keeps=True, unloads=unloads)

    def whole(self, answer: JSONObject) -> JSONObject:
        """That it was.

        :param answer: names the model.
        """
        told = _object(answer["model"], self._tell(Piece()))
        return told | {"done": True, "done_reason": "unload" if self.unloads else "load"}


def told_as_message(piece: Piece) -> JSONObject:
    """A piece in the answers of ``/api/chat``."""
    message: JSONObject = {"role": "assistant", "content": piece.text}
    if piece.thinking:
        message["thinking"] = piece.thinking
    if piece.calls:
        message["tool_calls"] = piece.calls
    return {"message": message} | ({"logprobs": piece.scores} if piece.scores else {})


def told_as_response(piece: Piece) -> JSONObject:
    """A piece in the answers of ``/api/generate``."""
    told: JSONObject = {"response": piece.text}
    if piece.thinking:
        told["thinking"] = piece.thinking
    return told | ({"logprobs": piece.scores} if piece.scores else {})


def _object(model: str, told: JSONObject) -> JSONObject:
    return {"model": model, "created_at": utc_text(time.time()), **told}


def _timings(answer: Growing | None) -> Timings | None:
    if not isinstance(answer, Answer) or answer.choices[0].end is None:
        return None
    return answer.choices[0].end.timings
