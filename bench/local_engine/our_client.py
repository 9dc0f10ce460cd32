"""`LLMClient` as a contender."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from local_llm_kit import LLMClient

# The keys are known beforehand, the values are not.
SCHEMA = {
    "type": "array",
    "minItems": 500,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 24},
            "quantity": {"type": "integer", "minimum": 0, "maximum": 9999},
            "in_stock": {"type": "boolean"},
        },
        "required": ["name", "quantity", "in_stock"],
        "additionalProperties": False,
    },
}
_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "stock", "strict": True, "schema": SCHEMA},
}


class OurClient:
    """Callers are threads that read streams.

    :param model: a path; threads share it.
    :param backend: as `LLMClient` has it.
    """

    def __init__(self, model: str, backend: str) -> None:
        if backend == "transformers":
            import torch

            torch.set_num_threads(1)
        name = os.path.basename(model)
        self.client = LLMClient(name, model_path=model, backend=backend, threads=1)

    def turn(self, *, tokens: int, callers: int = 1, schema: bool = False) -> dict[str, Any]:
        """Let `callers` stream `tokens` each.

        :return: ``wall_s`` for all, and the first caller's ``beside_us``: microseconds a token
            between its first token and its last, less those spent inside the model's code.
        """
        calls = [_Call(self.client, number, tokens, schema) for number in range(callers)]
        begin = time.perf_counter()
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        wall_s = time.perf_counter() - begin
        for call in calls:
            if call.error:
                raise call.error
        n = sum(call.n_tokens for call in calls)
        return {"wall_s": wall_s, "tokens": n, "us": calls[0].us, "beside_us": calls[0].beside_us}


class _Call(threading.Thread):
    """One stream, read to its end."""

    def __init__(self, client: LLMClient, number: int, tokens: int, schema: bool) -> None:
        super().__init__(daemon=True)
        self.client, self.tokens = client, tokens
        self.error: Exception | None = None
        self.n_tokens, self.us, self.beside_us = 0, 0.0, 0.0
        text = f"Caller {number}: list what is in the store, one thing after another."
        self.arguments: dict[str, Any] = {
            "messages": [{"role": "user", "content": text}],
            "max_tokens": tokens,
            "temperature": 0,
            "stop": ["\0never"],  # the search for it is part of what is measured
        }
        if schema:
            self.arguments["response_format"] = _FORMAT

    def run(self) -> None:
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            self.error = error

    def _read(self) -> None:
        with self.client.chat.completions.create(stream=True, **self.arguments) as stream:
            first = None
            for chunk in stream:
                if first is None and chunk.choices and chunk.choices[0].delta.content:
                    first, before = time.perf_counter(), self.client.stats.decode_s
            last, after = time.perf_counter(), self.client.stats.decode_s
        response = stream.response
        assert response is not None
        assert response.usage is not None
        self.n_tokens = response.usage.completion_tokens or 0
        if self.n_tokens != self.tokens:
            raise RuntimeError(f"the answer ended after {self.n_tokens} of {self.tokens} tokens")
        if first is not None and self.n_tokens > 1:
            self.us = (last - first) / (self.n_tokens - 1) * 1e6
            self.beside_us = self.us - (after - before) / (self.n_tokens - 1) * 1e6
