"""Spans of OpenTelemetry, written to the console.

    pip install opentelemetry-sdk
    python examples/telemetry_to_console.py

In a program the exporter is that of your collector. What was said is in no span, unless
``capture_content=True`` asks for it.
"""

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from LLM import LLM, instrument, telemetry
from serving import any_server


def line(span: ReadableSpan) -> str:
    """A span in one line; without it, a span is a page of JSON."""
    told = span.attributes or {}
    tokens = told.get("gen_ai.usage.output_tokens")
    took_ms = ((span.end_time or 0) - (span.start_time or 0)) / 1e6
    return f"{span.kind.name:<9}{span.name:<28}{took_ms:6.1f} ms  {tokens or '-'} tokens\n"


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=line)))

with any_server() as config, LLM(config) as llm:
    instrument(tracer_provider=provider)  # of this process: the client, and the server that it has
    with telemetry.work("greetings", {"app.n_texts": 2}):  # a span of our own around the calls
        for text in ("Hello!", "Who are you?"):
            print(llm.chat_completion([{"role": "user", "content": text}]).text)
