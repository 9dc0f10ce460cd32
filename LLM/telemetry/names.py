"""The names of OpenTelemetry's semantic conventions for generative AI, as they are published.

The one module that spells them, so that a new version changes one file. Nothing here needs a
library.

Source: https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/gen-ai, the last
release with the definitions. 1.42.0 moved them, unchanged, to
https://github.com/open-telemetry/semantic-conventions-genai, which has released nothing stable;
names that exist only there are not used.
"""

from __future__ import annotations

from typing import Final

#: The version that the names below are of.
CONVENTIONS_VERSION: Final = "1.41.1"
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{CONVENTIONS_VERSION}"

# Operations, the values of OPERATION_NAME.
CHAT: Final = "chat"
TEXT_COMPLETION: Final = "text_completion"
EMBEDDINGS: Final = "embeddings"
EXECUTE_TOOL: Final = "execute_tool"

# Attributes of every call.
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

# What was asked for.
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
OUTPUT_TYPE: Final = "gen_ai.output.type"
OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"

# What came back.
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_CREATION: Final = "gen_ai.usage.cache_creation.input_tokens"
USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_FINGERPRINT: Final = "openai.response.system_fingerprint"

# How it failed.
ERROR_TYPE: Final = "error.type"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_RESEND_COUNT: Final = "http.request.resend_count"

# What was said; only when asked for.
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"

# Tools.
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"

# Spans of a server.
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
URL_PATH: Final = "url.path"
URL_SCHEME: Final = "url.scheme"

# Metrics.
TOKEN_USAGE: Final = "gen_ai.client.token.usage"
OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
TIME_PER_OUTPUT_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"
TOKEN_TYPE: Final = "gen_ai.token.type"

#: Bounds of the histograms' buckets, in tokens and in seconds.
TOKEN_BUCKETS: Final = tuple(float(4**power) for power in range(14))
SECOND_BUCKETS: Final = tuple(2**power / 100 for power in range(14))

# Ours, for what the conventions have no name for.
RETRY_EVENT: Final = "llm_kit.retry"
RETRY_DELAY: Final = "llm_kit.retry.delay"
RING_ALIAS: Final = "llm_kit.ring.alias"
RING_PROFILE: Final = "llm_kit.ring.profile"
RING_MODELS_TRIED: Final = "llm_kit.ring.models_tried"
RING_MODEL: Final = "llm_kit.ring.model"
RING_OUTCOME: Final = "llm_kit.ring.outcome"
BATCH_REQUESTS: Final = "llm_kit.batch.requests"
BATCH_RESUMED: Final = "llm_kit.batch.resumed"
BATCH_ANSWERED: Final = "llm_kit.batch.answered"
BATCH_FAILED: Final = "llm_kit.batch.failed"
