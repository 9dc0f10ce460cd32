"""What ``opentelemetry-instrument`` calls, so that a program is recorded without a line of its own.

Found by the entry point ``opentelemetry_instrumentor``. It has the methods of the class
`BaseInstrumentor` of ``opentelemetry-instrumentation`` and does not derive from it, so that who
calls `LLM.instrument` need not install that package, with ``wrapt`` and the rest.
"""

from __future__ import annotations

from typing import Any

from LLM.telemetry import instrument, uninstrument


class LLMInstrumentor:
    """Turns telemetry on and off with the process's own providers."""

    def instrument(
        self, *, tracer_provider: Any = None, meter_provider: Any = None, **further: Any
    ) -> None:
        """Record from now on; see `LLM.instrument`.

        :param further: what the tool tells every library, as that it has checked dependencies.
        """
        instrument(tracer_provider, meter_provider)

    def uninstrument(self, **further: Any) -> None:
        """Record nothing any more."""
        uninstrument()
