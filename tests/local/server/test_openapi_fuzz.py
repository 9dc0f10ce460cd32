"""Requests made up from the document: none breaks the server, and each answer is as described.

Those that are not as described are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer
from local_llm_kit.server.openapi import document
from tests.local.support import running_server

pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
#: Of each operation in each mode: what is as described, and what is not.
N_REQUESTS = 8
OPERATIONS = {
    one.ok().label: one.ok()
    for one in schemathesis.openapi.from_dict(document()).get_all_operations()
}


@pytest.fixture(scope="module")
def small_server() -> Iterator[LocalServer]:
    """A window so small that the longest answer is soon written."""
    with running_server(LoadOptions(context_length=128)) as server:
        yield server


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
@pytest.mark.parametrize("label", OPERATIONS)
def test_a_request_from_the_document_is_answered_as_it_says(
    small_server: LocalServer, label: str, mode: GenerationMode
) -> None:
    operation: Any = OPERATIONS[label]
    if mode is GenerationMode.NEGATIVE and not operation.body:
        return

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=N_REQUESTS, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(case: Any) -> None:
        case.call_and_validate(base_url=small_server.url, checks=CHECKS, timeout=30)

    send()
