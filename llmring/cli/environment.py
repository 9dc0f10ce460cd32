"""Variables of the file ``.env``: that of the working folder, or of the nearest one above.

The file comes with a folder, which may be a clone of somebody else's. So it does not decide where a
key goes that the user has set elsewhere, nor who may pass for a provider.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping

import click

from llmring.lockfile.names import KEY_OWNERS, PROVIDER_KEYS
from local_llm_kit.cli.terminal import printable_line

# Where keys go, and which.
_ADDRESSES = {
    "OPENAI_BASE_URL": PROVIDER_KEYS["openai"],
    "ANTHROPIC_BASE_URL": PROVIDER_KEYS["anthropic"],
    "GOOGLE_GEMINI_BASE_URL": PROVIDER_KEYS["google"],
    "OLLAMA_BASE_URL": ("OLLAMA_API_KEY",),
    "OLLAMA_HOST": ("OLLAMA_API_KEY",),
    "HF_ENDPOINT": ("HF_TOKEN",),
    "LLMRING_SERVER_URL": ("LLMRING_API_KEY",),
}
# Whose certificates are believed, and where what was encrypted is laid open.
_TRUST = frozenset(
    {"SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)
# As dotenv has references: ${NAME} or ${NAME:-default}.
_REFERENCE = re.compile(r"\$\{([^}:]*)")


def _warn(problem: str) -> None:
    click.echo(f"warning: {printable_line(problem)}", err=True)


def load_env(warn: Callable[[str], None] = _warn) -> None:
    """Set the variables of ``.env`` that are not set.

    :param warn: is told what cannot be read or is not taken; never a value.
    """
    # Imported here, for help does without.
    from dotenv import find_dotenv

    try:
        path = find_dotenv(usecwd=True)
    except OSError:  # the working folder was deleted
        return
    if not path:
        return
    for problem in _load(path):
        warn(f"{path!r} {problem}")


def _load(path: str) -> list[str]:
    """Set the variables of a file. :return: what of it cannot be read, or is not taken."""
    from dotenv import dotenv_values

    told = _Told()
    # dotenv tells of broken lines in its log alone.
    logger = logging.getLogger("dotenv.main")
    logger.addHandler(told)
    problems = []
    try:
        values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
        problems += _set({name: value for name, value in values.items() if value is not None})
    except UnicodeDecodeError:
        problems.append("is not UTF-8 text, and is left out")
    except OSError as err:
        problems.append(f"cannot be read ({err.strerror or 'unknown error'}), and is left out")
    except ValueError:  # the system takes no NUL
        problems.append("has a value that no variable can have; it is left out from there on")
    finally:
        logger.removeHandler(told)
    statements = [f"has no NAME=VALUE in line {line}, which is left out" for line in told.lines]
    return statements + problems


def _set(values: Mapping[str, str]) -> list[str]:
    """Set variables that are not set. :return: why others are not taken.

    :raises ValueError: a name or a value is none.
    """
    from dotenv.main import resolve_variables

    new = {name: value for name, value in values.items() if name not in os.environ}
    refused = {name: why for name, value in new.items() if (why := _refusal(name, value))}
    taken = {name: value for name, value in values.items() if name not in refused}
    for name, value in resolve_variables(taken.items(), override=False).items():
        if name in new and value is not None:
            os.environ[name] = value
    return [f"sets {name}, which is left out: {why}" for name, why in refused.items()]


def _refusal(name: str, value: str) -> str | None:
    """Why a variable is not taken from a file; None where it is."""
    for key in _ADDRESSES.get(name, ()):
        if os.environ.get(key):
            return f"{key} is set elsewhere, and would go there; set both in one place"
    if name in _TRUST:
        return "it says whose certificates are believed; set it in your shell"
    for key in _REFERENCE.findall(value):
        if key in KEY_OWNERS and os.environ.get(key):
            return f"it would hold {key}, which is for {KEY_OWNERS[key]} alone"
    return None


class _Told(logging.Handler):
    """Notes the lines that dotenv warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [one for one in record.args or () if isinstance(one, int)]
