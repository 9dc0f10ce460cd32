"""Which packages are installed, held against the versions that llm-kit asks for."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from itertools import zip_longest

from LLM.extras import DISTRIBUTION, how_to_add
from local_llm_kit.doctor.finding import Finding

#: What each extra adds.
EXTRAS = {
    "async": "calls servers from coroutines, on aiohttp",
    "ring": "calls models by aliases of a lockfile, with llmring",
    "postgres": "keeps llmring's conversations and usage in PostgreSQL",
    "mcp": "uses and serves tools over the Model Context Protocol, with llmring",
    "openai": "hands out OpenAI's own client, through llmring",
    "anthropic": "hands out Anthropic's own client, through llmring",
    "google": "hands out Google's own client, through llmring",
    "batch": "runs jobs of many requests, with `llm-kit batch`",
    "ray": "runs them on a Ray cluster",
    "otel": "tells OpenTelemetry of calls",
    "llama": "runs GGUF files, on llama.cpp",
    "transformers": "runs safetensors, on torch",
    "ollama": "lets an Ollama server run models",
    "hub": "downloads from the Hugging Face hub",
    "cli": "this command",
    "server": "serves models",
}

_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")
_BOUND = re.compile(r"\s*(>=|<=|==|!=|~=|<|>)\s*([^\s,]+)\s*")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that llm-kit asks for.

    :param bounds: versions that will do, such as ``>=1.0,<2``; empty for any.
    :param extra: of which extra; None for llm-kit itself.
    """

    package: str
    bounds: str
    extra: str | None


def requirements(lines: Iterable[str]) -> list[Requirement]:
    """Read a distribution's requirements.

    :param lines: as ``importlib.metadata.requires`` gives them. Requirements for other systems are
        left out, and so are extras that stand for others (``llm-kit[cli]``).
    """
    found = []
    for line in lines:
        match = _REQUIREMENT.fullmatch(line.strip())
        if match is None or match[1] == DISTRIBUTION or _is_elsewhere(match[4] or ""):
            continue
        extra = _EXTRA.search(match[4] or "")
        found.append(Requirement(match[1], match[3].strip(), extra[1] if extra else None))
    return found


def _is_elsewhere(marker: str) -> bool:
    """Whether a requirement is for other systems than this."""
    return any(
        (sys.platform == value) != (comparison == "==")
        for comparison, value in re.findall(r"""sys_platform\s*(==|!=)\s*["'](\w+)["']""", marker)
    )


def satisfies(version: str, bounds: str) -> bool:
    """Whether a version lies within bounds; ones that cannot be read are taken to hold.

    Only the release counts: ``2.13.0+cpu`` is 2.13.0, as pip has it for local builds.
    """
    return all(
        _holds(_release(version), match[1], _release(match[2])) for match in _BOUND.finditer(bounds)
    )


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version.removeprefix("v"))
    return tuple(map(int, match[0].split("."))) if match else ()


def _holds(version: tuple[int, ...], comparison: str, bound: tuple[int, ...]) -> bool:
    if comparison == "~=":
        return _compared(version, bound) >= 0 and version[: len(bound) - 1] == bound[:-1]
    order = _compared(version, bound)
    return {
        ">=": order >= 0, "<=": order <= 0, "==": order == 0, "!=": order != 0,
        "<": order < 0, ">": order > 0,
    }[comparison]  # fmt: skip


def _compared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """-1, 0 or 1; missing parts are zeros."""
    for left, right in zip_longest(one, other, fillvalue=0):
        if left != right:
            return -1 if left < right else 1
    return 0


def installed_version(package: str) -> str | None:
    """The version of a package; None when it is not installed. Imports nothing of it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def check_packages(
    version_of: Callable[[str], str | None] = installed_version,
    requires: Callable[[str], list[str] | None] = metadata.requires,
) -> list[Finding]:
    """Each extra: whether its packages are installed, in versions that will do.

    :param version_of: tells a package's version, None when it is not installed.
    :param requires: tells a distribution's requirements.
    """
    python = Finding("packages", "Python", "ok", f"{platform.python_version()} at {sys.executable}")
    try:
        wanted = requirements(requires(DISTRIBUTION) or ())
    except metadata.PackageNotFoundError:
        text = f"{DISTRIBUTION} runs from a folder and is not installed: versions are not checked"
        return [python, Finding("packages", DISTRIBUTION, "warn", text, how_to_add(""))]
    findings = [
        _described(
            DISTRIBUTION,
            _of(wanted, None),
            "calls any server with OpenAI's API",
            "",
            version_of,
        )
    ]
    unknown = [extra for extra in EXTRAS if not _of(wanted, extra)]
    findings += [
        _described(extra, _of(wanted, extra), purpose, extra, version_of)
        for extra, purpose in EXTRAS.items()
        if extra not in unknown
    ]
    if unknown:
        text = (
            f"the installed {DISTRIBUTION} is older than its files; {', '.join(unknown)}: unknown"
        )
        findings.append(Finding("packages", "extras", "warn", text, how_to_add("")))
    return [python, *findings]


def _of(wanted: list[Requirement], extra: str | None) -> list[Requirement]:
    return [one for one in wanted if one.extra == extra]


def _described(
    name: str,
    wanted: list[Requirement],
    purpose: str,
    extra: str,
    version_of: Callable[[str], str | None],
) -> Finding:
    """What is there of some requirements that belong together."""
    found = {one: version_of(one.package) for one in wanted}
    missing = [one.package for one, version in found.items() if version is None]
    wrong = [
        f"{one.package} {version}, not {one.bounds}"
        for one, version in found.items()
        if version is not None and not satisfies(version, one.bounds)
    ]
    if wrong:
        return Finding(
            "packages", name, "warn", f"{purpose}; {'; '.join(wrong)}", how_to_add(extra)
        )
    if missing:
        text = f"{purpose}; not installed: {', '.join(missing)}"
        return Finding("packages", name, "note", text, how_to_add(extra))
    versions = ", ".join(f"{one.package} {version}" for one, version in found.items())
    return Finding("packages", name, "ok", f"{purpose}: {versions}")
