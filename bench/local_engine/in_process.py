"""Scenarios in process: one caller, what Python costs, constraints, torch."""

from __future__ import annotations

from functools import partial
from typing import Any

from local_engine.children import Worker
from local_engine.findings import Finding, Values
from local_engine.settings import Settings
from local_engine.turns import Taken, in_turns

Turn = dict[str, Any]

#: Tokens of a first turn that does not count.
_WARM = 16


def _rate(turn: Turn) -> float:
    rate: float = turn["tokens"] / turn["wall_s"]
    return rate


def _rates(taken: Taken[Turn]) -> Values:
    return taken.values(_rate)


def _ready(settings: Settings, contender: str, model: str, **request: Any) -> Worker:
    """Start a contender and let it do once what it will do, which is slower the first time."""
    child = settings.worker(contender, model)
    try:
        child.turn(tokens=_WARM, **request)
    except BaseException:
        child.stop()
        raise
    return child


def alone(settings: Settings) -> list[Finding]:
    """Tokens a second of one stream in process, against `llama_cpp.Llama`."""
    found = []
    for model, tokens in (("speed-f32", 256), ("half-q4_0", 48)):
        path, n = f"{model}.gguf", settings.tokens(tokens)
        starts = {
            "LLMClient": partial(_ready, settings, "client", path),
            "llama_cpp.Llama": partial(_ready, settings, "binding", path),
        }
        ours, peer = in_turns(starts, partial(Worker.turn, tokens=n), settings.rounds)
        found.append(
            Finding("alone", f"{model}, one stream, tokens/s", _rates(ours), _rates(peer), 1.0)
        )
    return found


#: Microseconds that the time beside the model may grow from short answers to long ones.
_FLAT_US = 5.0


def python(settings: Settings) -> list[Finding]:
    """Microseconds of Python a token, from 64 to 1,900 tokens."""
    sizes = (64, settings.tokens(1900))
    starts = {
        "LLMClient": partial(_ready, settings, "client", "speed-f32.gguf"),
        "decode loop": partial(_ready, settings, "decode_loop", "speed-f32.gguf"),
    }

    def turn(child: Worker) -> list[Turn]:
        return [child.turn(tokens=n) for n in sizes]

    ours, loop = in_turns(starts, turn, settings.rounds)
    found = [
        Finding(
            "python",
            f"speed-f32, {n} tokens, µs a token beside the model's code",
            ours.values(partial(_beside_us, i)),
            target=25.0,
            at_least=False,
        )
        for i, n in enumerate(sizes)
    ]
    growth = ours.values(lambda turns: _beside_us(1, turns) - _beside_us(0, turns))
    what = f"speed-f32, µs a token more at {sizes[1]} tokens than at {sizes[0]}"
    found.append(Finding("python", what, growth, target=_FLAT_US, at_least=False))
    return [*found, *(_above(ours, loop, i, n) for i, n in enumerate(sizes))]


def _beside_us(i: int, turns: list[Turn]) -> float:
    us: float = turns[i]["beside_us"]
    return us


def _above(ours: Taken[list[Turn]], loop: Taken[list[Turn]], i: int, n: int) -> Finding:
    """A token's time above the bare loop's, as a difference round by round."""
    what = f"speed-f32, {n} tokens, µs a token above the bare decode loop"
    if absent := ours.absent or loop.absent:
        missing = Values("LLMClient", absent=absent)
        return Finding("python", what, missing, target=25.0, at_least=False)
    pairs = zip(ours.turns, loop.turns, strict=True)
    values = tuple(mine[i]["us"] - bare[i]["us"] for mine, bare in pairs)
    return Finding("python", what, Values("LLMClient", values), target=25.0, at_least=False)


def constrained(settings: Settings) -> list[Finding]:
    """Tokens a second under a JSON schema against free text, at 151,936 tokens of vocabulary."""
    sizes = (("vocab-q8_0", 256), ("half-q4_0", 64))
    return [_constrained(settings, model, settings.tokens(n)) for model, n in sizes]


def _constrained(settings: Settings, model: str, n: int) -> Finding:
    """Both kinds from one child in turns; the schema is compiled before the first round."""

    def turn(child: Worker) -> tuple[Turn, Turn]:
        return child.turn(tokens=n, schema=True), child.turn(tokens=n)

    start = partial(_ready, settings, "client", f"{model}.gguf", schema=True)
    (taken,) = in_turns({"LLMClient": start}, turn, settings.rounds)
    return Finding(
        "constrained",
        f"{model}, JSON schema against free, tokens/s",
        taken.values(lambda turns: _rate(turns[0]), "JSON schema"),
        taken.values(lambda turns: _rate(turns[1]), "free"),
        1.0,
    )


def torch(settings: Settings) -> list[Finding]:
    """Tokens a second of eight callers on torch, against `generate` in a batch of eight."""
    n = settings.tokens(128)
    starts = {
        "LLMClient": partial(_ready, settings, "torch_client", "speed", callers=8),
        "generate": partial(_ready, settings, "generate", "speed", callers=8),
    }
    ours, peer = in_turns(starts, partial(Worker.turn, tokens=n, callers=8), settings.rounds)
    what = "speed, torch, 8 callers, tokens/s"
    return [Finding("torch", what, _rates(ours), _rates(peer), 1.4)]
