"""How an address may be written."""

from __future__ import annotations

import pytest
from ollama._client import _parse_host

from cloud.llm.ollama.address import api_root, base_url_of, parsed_host
from LLM.exceptions import LLMConfigError

HOSTS = """
1.2.3.4 :56789 1.2.3.4:56789 http://1.2.3.4 https://1.2.3.4 https://1.2.3.4:56789 example.com
example.com:56789 http://example.com https://example.com https://example.com:56789 example.com/
example.com:56789/ example.com/path example.com:56789/path https://example.com:56789/path/
[0001:002:003:0004::1] [0001:002:003:0004::1]:56789 http://[0001:002:003:0004::1]
https://[0001:002:003:0004::1]:56789 [0001:002:003:0004::1]/path [::1]:56789/path/ localhost
""".split()


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_mean_what_ollamas_library_takes_them_for(host: str) -> None:
    assert parsed_host(host) == _parse_host(host)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0", "http://127.0.0.1:80"),
        ("[::]:8080", "http://[::1]:8080"),
        ("::1", "http://[::1]:11434"),
        ("ollama.com", "https://ollama.com:443"),
    ],
)
def test_hosts_are_those_that_can_be_reached(host: str, url: str) -> None:
    assert parsed_host(host) == url


@pytest.mark.parametrize("host", ["x:abc", "x:99999", "ftp://x", "unix:///run/x", "http://[::1"])
def test_host_that_is_none_is_refused_with_its_variable(host: str) -> None:
    with pytest.raises(LLMConfigError, match="OLLAMA_HOST is ") as caught:
        base_url_of(None, {"OLLAMA_HOST": host}, "http://x")
    assert repr(host) in caught.value.message


def test_password_in_a_host_is_refused_and_not_shown() -> None:
    with pytest.raises(LLMConfigError) as caught:
        parsed_host("http://ada:s3cret@x")
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    ("base_url", "environ", "url"),
    [
        (None, {}, "http://default"),
        (None, {"OLLAMA_HOST": "", "OLLAMA_BASE_URL": ""}, "http://default"),
        (None, {"OLLAMA_HOST": " gpu-box "}, "http://gpu-box:11434"),
        (None, {"OLLAMA_HOST": '"gpu-box:80"'}, "http://gpu-box:80"),
        (None, {"OLLAMA_HOST": "a", "OLLAMA_BASE_URL": "http://b"}, "http://a:11434"),
        (None, {"OLLAMA_BASE_URL": "http://b:1/v1"}, "http://b:1/v1"),
        ("http://c", {"OLLAMA_HOST": "a"}, "http://c"),
        ("c", {"OLLAMA_HOST": "a"}, "http://c:11434"),
    ],
)
def test_address_is_the_callers_then_the_environments(
    base_url: str | None, environ: dict[str, str], url: str
) -> None:
    assert base_url_of(base_url, environ, "http://default") == url


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("http://x:11434", "http://x:11434"),
        ("http://x:11434/v1", "http://x:11434"),
        ("http://x:11434/api/", "http://x:11434"),
        ("https://proxy/ollama/api", "https://proxy/ollama"),
        ("https://proxy/ollama", "https://proxy/ollama"),
        ("https://api.x/v1x", "https://api.x/v1x"),
    ],
)
def test_pasted_ends_of_an_address_are_left_out(base_url: str, root: str) -> None:
    assert api_root(base_url) == root
