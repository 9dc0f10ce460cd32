"""What was found, against whom, and whether it is enough."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from report import Report


@dataclass(frozen=True)
class Values:
    """A contender's values, one a round.

    :param name: who.
    :param values: in the order of the rounds; none if it could not take part.
    :param absent: why there are no values.
    """

    name: str
    values: tuple[float, ...] = ()
    absent: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        if not self.values:
            return f"{self.name}: not available ({self.absent})"
        low, high = min(self.values), max(self.values)
        return f"{self.name} {self.median:,.4g} ({low:,.4g} to {high:,.4g})"


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    :param scenario: its name on the command line.
    :param what: what was measured, with its unit.
    :param peer: whom ours stands against; None where the target is a bound on ours itself.
    :param target: bound on the ratio of ours to the peer, or on ours; None is for information.
    :param at_least: the target is a lower bound, else an upper one.
    """

    scenario: str
    what: str
    ours: Values
    peer: Values | None = None
    target: float | None = None
    at_least: bool = True

    @property
    def value(self) -> float | None:
        """What is held against the target: the median over rounds of ours, or of the ratio."""
        values = self.by_round
        return statistics.median(values) if values else None

    @property
    def by_round(self) -> tuple[float, ...]:
        """Ours, or its ratio to the peer, in each round; nothing if one of both is absent."""
        if not self.ours.values or self.peer is None:
            return self.ours.values
        if not self.peer.values:
            return ()
        pairs = zip(self.ours.values, self.peer.values, strict=True)
        return tuple(ours / peer for ours, peer in pairs)

    @property
    def verdict(self) -> str:
        """One of "met", "MISSED", "not available", or nothing without a target."""
        if self.value is None:
            return "not available"
        if self.target is None:
            return ""
        good = self.value >= self.target if self.at_least else self.value <= self.target
        return "met" if good else "MISSED"

    @property
    def fails(self) -> bool:
        """Whether a target was set and not reached: what could not be measured was not reached."""
        return self.target is not None and self.verdict != "met"


def table(findings: Sequence[Finding]) -> str:
    """The findings in columns: scenario, values, ratio, target, verdict."""
    return "\n".join(_lines(finding) for finding in findings)


def _lines(finding: Finding) -> str:
    sign = "≥" if finding.at_least else "≤"
    target = "" if finding.target is None else f"{sign} {finding.target:g}"
    value = "" if finding.value is None else f"{finding.value:.3g}"
    lines = [
        f"{finding.scenario:<12}{finding.what:<66} {value:>7} {target:>7}  {finding.verdict}",
        f"{'':<12}{finding.ours}",
    ]
    return "\n".join(lines + ([f"{'':<12}{finding.peer}"] if finding.peer else []))


def note(findings: Sequence[Finding], report: Report) -> None:
    """Put findings into a report: a row for what was measured, a column for each contender."""
    for finding in findings:
        row = finding.what.partition(" against ")[0]
        for one in filter(None, (finding.ours, finding.peer)):
            report.add(finding.scenario, row, one.name, one.values, one.absent)
        if finding.target is not None:
            what = f"{row}, to {finding.peer.name}" if finding.peer else row
            report.hold(
                what, finding.by_round, finding.target, at_most=not finding.at_least, show=False
            )
