"""What the tests of `doctor` share."""

from __future__ import annotations

from local_llm_kit.doctor.finding import Finding


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {one.name: one for one in findings}
