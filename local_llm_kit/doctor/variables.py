"""What the environment says to us, and to the libraries that we use. Keys are never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from LLM.exceptions import LLMError
from local_llm_kit import settings
from local_llm_kit.doctor.finding import Finding

#: Variables that are read, by us or by what we use.
NAMES = (
    "LOCAL_LLM_KIT_BACKEND", "LOCAL_LLM_KIT_CONTEXT_LENGTH", "LOCAL_LLM_KIT_MODEL_PATH",
    "LOCAL_LLM_KIT_CACHE_DIR", "LOCAL_LLM_KIT_DATA_DIR", "LOCAL_LLM_KIT_API_KEY",
    "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_TOKEN",
    "OLLAMA_HOST", "OLLAMA_MODELS", "OLLAMA_API_KEY",
    "OPENAI_BASE_URL", "OPENAI_API_KEY",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS",
)  # fmt: skip
_SECRET = re.compile(r"KEY|TOKEN")
#: The user and the password of an address; an @ may be in the password.
_CREDENTIALS = re.compile(r"(?<![^/])[^/\s]*@")
_CHECKS: dict[str, Callable[[Mapping[str, str]], object]] = {
    "LOCAL_LLM_KIT_BACKEND": lambda environ: settings.backend(None, environ),
    "LOCAL_LLM_KIT_CONTEXT_LENGTH": lambda environ: settings.context_length(None, environ),
}


def check_variables(environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """The variables that are set: their values, or of a key only that it is set."""
    # Proxies are read in lower case too.
    names = [one for name in NAMES for one in (name, name.lower()) if environ.get(one)]
    if not names:
        return [Finding("settings", "environment", "ok", "nothing is set; the defaults hold")]
    return [_described(name, environ) for name in names]


def _described(name: str, environ: Mapping[str, str]) -> Finding:
    check = _CHECKS.get(name)
    try:
        if check is not None:
            check(environ)
    except LLMError as err:
        return Finding("settings", name, "fail", str(err), f"correct it, or: unset {name}")
    if name == settings.OFFLINE_VARIABLE and settings.offline(None, environ):
        return Finding("settings", name, "note", "downloads are off", f"unset {name} to allow them")
    return Finding("settings", name, "ok", _shown(name, environ[name]))


def _shown(name: str, value: str) -> str:
    """A value without what is secret in it."""
    if _SECRET.search(name):
        return "set"
    return _CREDENTIALS.sub("***@", value)[:200]
