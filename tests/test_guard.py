"""The guard of conftest.py: a test that reaches for the network fails loudly."""

from __future__ import annotations

import socket
import urllib.request

import pytest

from LLM import LLM, LLMConfig, LLMConnectionError


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "2001:db8::1"])
def test_connections_outwards_are_refused_as_no_network_error(host: str) -> None:
    with pytest.raises(RuntimeError, match="loopback only"):
        socket.create_connection((host, 80))


def test_no_library_hides_the_refusal() -> None:
    with pytest.raises(RuntimeError, match="loopback only"):
        urllib.request.urlopen("http://example.com/")


def test_a_client_does_not_take_the_refusal_for_a_failed_connection() -> None:
    config = LLMConfig(base_url="http://192.0.2.1", max_retries=0)
    with LLM(config) as llm, pytest.raises(RuntimeError, match="loopback only"):
        llm.list_models()


def test_a_name_under_invalid_is_an_unknown_host() -> None:
    config = LLMConfig(base_url="http://nowhere.invalid", max_retries=0)
    with LLM(config) as llm, pytest.raises(LLMConnectionError):
        llm.list_models()


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname()).close()
