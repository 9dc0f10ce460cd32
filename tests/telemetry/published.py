"""What the conventions say, to hold against what is recorded.

Names come from the package ``opentelemetry-semantic-conventions``. It has neither the attributes'
requirement levels nor the buckets; those below were read from the conventions 1.41.1, the release
that `LLM.telemetry.names` follows: ``model/gen-ai/spans.yaml``, ``model/gen-ai/metrics.yaml``,
``docs/gen-ai/gen-ai-metrics.md``, ``docs/http/http-spans.md``.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

_SECONDS = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
_TOKENS = (
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
)  # fmt: skip

#: Unit and bounds of the buckets of each metric.
METRICS: dict[str, tuple[str, tuple[float, ...]]] = {
    gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION: ("s", _SECONDS),
    gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE: ("{token}", _TOKENS),
    gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK: ("s", _SECONDS),
    gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_PER_OUTPUT_CHUNK: ("s", _SECONDS),
}

#: Attributes that spans of an operation must have; of `server.address` and `server.port`, which are
#: required together, calls over a network must.
REQUIRED = {
    "chat": {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"},
    "text_completion": {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"},
    "embeddings": {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"},
    "execute_tool": {"gen_ai.operation.name", "gen_ai.tool.name"},
    "server": {"http.request.method", "url.path", "url.scheme"},
}

_COMMON = {
    "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address",
    "server.port",
}  # fmt: skip
#: Attributes that points of a metric may have.
POINT_ATTRIBUTES = {
    name: _COMMON
    | {"gen_ai.response.model"}
    | ({"error.type"} if name.endswith("operation.duration") else set())
    | ({"gen_ai.token.type"} if name.endswith("token.usage") else set())
    for name in METRICS
}
POINT_REQUIRED = {"gen_ai.operation.name", "gen_ai.provider.name"}

#: The types of values, where the package does not tell: ``model/gen-ai/registry.yaml``.
TYPES: dict[str, type] = {
    "gen_ai.request.temperature": float,
    "gen_ai.request.top_p": float,
    "gen_ai.request.top_k": float,
    "gen_ai.request.frequency_penalty": float,
    "gen_ai.request.presence_penalty": float,
    "gen_ai.request.max_tokens": int,
    "gen_ai.request.seed": int,
    "gen_ai.request.choice.count": int,
    "gen_ai.request.stream": bool,
    "gen_ai.request.stop_sequences": tuple,
    "gen_ai.request.encoding_formats": tuple,
    "gen_ai.response.finish_reasons": tuple,
    "gen_ai.response.time_to_first_chunk": float,
    "gen_ai.usage.input_tokens": int,
    "gen_ai.usage.output_tokens": int,
    "gen_ai.usage.cache_read.input_tokens": int,
    "gen_ai.usage.cache_creation.input_tokens": int,
    "gen_ai.usage.reasoning.output_tokens": int,
    "gen_ai.embeddings.dimension.count": int,
    "http.response.status_code": int,
    "http.request.resend_count": int,
    "server.port": int,
}

#: Fields that the parts of messages must have, by their type; other types need nothing more.
#: Source: the JSON schemas gen-ai-input-messages and gen-ai-output-messages.
PARTS = {
    "text": {"content"},
    "reasoning": {"content"},
    "tool_call": {"name"},
    "tool_call_response": {"response"},
    "blob": {"modality", "content"},
    "uri": {"modality", "uri"},
}
ROLES = {"system", "user", "assistant", "tool"}
FINISH_REASONS = {"stop", "length", "content_filter", "tool_call", "error"}


def _modules() -> list[ModuleType]:
    found = []
    for name in (
        "opentelemetry.semconv._incubating.attributes",
        "opentelemetry.semconv.attributes",
    ):
        package = importlib.import_module(name)
        found += [
            importlib.import_module(f"{name}.{one.name}")
            for one in pkgutil.iter_modules(package.__path__)
        ]
    return found


def attribute_names() -> frozenset[str]:
    """Every attribute's name that is published."""
    return frozenset(
        value
        for module in _modules()
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and not name.endswith("_TEMPLATE")
    )


def values_of(enum: str) -> frozenset[str]:
    """The well-known values of an attribute.

    :param enum: name of the package's enumeration.
    """
    members: Any = getattr(gen_ai_attributes, enum)
    return frozenset(one.value for one in members)
