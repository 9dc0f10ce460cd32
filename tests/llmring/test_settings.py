"""What the environment and the constructor say of how a ring calls."""

from __future__ import annotations

import pytest

from llmring import LLMRing
from llmring.exceptions import ConfigurationError
from llmring.settings import NO_TIMEOUT_S, TIMEOUT_S, RingSettings


def read(timeout=None, strict_cost=None, **environ: str) -> RingSettings:
    variables = {f"LLMRING_{name}": value for name, value in environ.items()}
    return RingSettings.read(variables, timeout, strict_cost)


def test_the_usual_settings():
    found = read()
    policy = found.retry_policy
    assert (found.timeout_s, found.strict_cost) == (TIMEOUT_S, False)
    assert (policy.max_retries, policy.base_delay, policy.max_delay) == (2, 0.5, 30.0)
    assert policy.max_retry_after == 30.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2.5", 2.5), (" 7 ", 7.0), ("none", NO_TIMEOUT_S), ("OFF", NO_TIMEOUT_S), ("", TIMEOUT_S)],
)
def test_timeouts_of_the_environment(text, seconds):
    assert read(PROVIDER_TIMEOUT_S=text).timeout_s == seconds


def test_what_is_given_wins_over_the_environment():
    found = read(5, False, PROVIDER_TIMEOUT_S="junk", STRICT_COST="1")
    assert (found.timeout_s, found.strict_cost) == (5.0, False)


@pytest.mark.parametrize(("text", "retries"), [("0", 0), ("1", 0), ("3", 2), ("100", 99)])
def test_attempts_count_the_first_one(text, retries):
    assert read(RETRY_ATTEMPTS=text).retry_policy.max_retries == retries


def test_waits_of_the_environment():
    policy = read(RETRY_BASE_S="0.1", RETRY_MAX_S="4").retry_policy
    assert (policy.base_delay, policy.max_delay, policy.max_retry_after) == (0.1, 4.0, 4.0)


@pytest.mark.parametrize(("text", "strict"), [("1", True), ("yes", True), ("Off", False), ("", 0)])
def test_flags_of_the_environment(text, strict):
    assert read(STRICT_COST=text).strict_cost == bool(strict)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("PROVIDER_TIMEOUT_S", text) for text in ("0", "-1", "nan", "inf", "soon", "1e9", "1,5")],
        *[("RETRY_ATTEMPTS", text) for text in ("-1", "2.5", "101", "many", "nan")],
        *[("RETRY_BASE_S", text) for text in ("-0.1", "x", "inf", "601")],
        *[("RETRY_MAX_S", text) for text in ("-1", "none", "1e6")],
        *[("STRICT_COST", text) for text in ("2", "maybe", "none")],
    ],
)
def test_junk_is_refused_by_the_name_of_its_variable(name, text):
    with pytest.raises(ConfigurationError, match=f"^LLMRING_{name} is .*; set "):
        read(**{name: text})


@pytest.mark.parametrize("timeout", [0, -1, True, "5", float("nan"), float("inf"), 86_401])
def test_timeouts_that_cannot_be_are_refused(timeout):
    with pytest.raises(ConfigurationError, match=r"^timeout is "):
        LLMRing(timeout=timeout)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"strict_cost": "yes"}, "strict_cost"),
        ({"alias_cache_size": -1}, "alias_cache_size"),
        ({"alias_cache_ttl": float("nan")}, "alias_cache_ttl"),
        ({"lockfile_path": "/no/such/file"}, "lockfile"),
        ({"registry_url": "ftp://nowhere.invalid"}, "registry"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_arguments_that_cannot_work_are_named(settings, name):
    with pytest.raises(Exception, match=name) as caught:
        LLMRing(**settings)
    assert type(caught.value).__module__ == "llmring.exceptions"
