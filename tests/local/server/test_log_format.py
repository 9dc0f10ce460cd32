"""Where the log of requests goes, as text."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from local_llm_kit.server.log_format import begin_logs


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that no other test knows, and whose parent writes nowhere."""
    parent = logging.getLogger("of_this_test")
    parent.propagate = False
    logger = parent.getChild("requests")
    yield logger
    for one in (parent, logger):
        one.handlers.clear()
        one.setLevel(logging.NOTSET)


@pytest.mark.parametrize("handlers", [[], [logging.NullHandler()]], ids=["none", "null"])
def test_a_log_that_nobody_hears_goes_to_standard_error(
    logger: logging.Logger,
    handlers: list[logging.Handler],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert logger.parent is not None
    logger.parent.handlers[:] = handlers
    begin_logs("text", logger, logger)
    logger.info("GET /health")
    assert capsys.readouterr().err.endswith(" GET /health\n")


def test_a_log_that_the_program_hears_stays_as_it_is(logger: logging.Logger) -> None:
    assert logger.parent is not None
    logger.parent.addHandler(logging.StreamHandler())
    begin_logs("text", logger, logger)
    assert logger.handlers == []
    assert logger.level == logging.NOTSET
