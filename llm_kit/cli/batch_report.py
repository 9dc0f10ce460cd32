"""What a job came to, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LLM.batch.lines import read_line

if TYPE_CHECKING:
    from LLM.batch.report import BatchReport

_COUNTS = ("n_requests", "n_answered", "n_failed", "n_resumed", "n_shared")
#: Most kinds of failures that are named.
_MOST_KINDS = 3


def report_json(report: BatchReport) -> str:
    """A report as JSON. A dry run's has `estimate`, and else null there."""
    usage = report.usage
    fields: dict[str, Any] = {name: getattr(report, name) for name in _COUNTS}
    fields["prompt_tokens"] = usage.prompt_tokens
    fields["completion_tokens"] = usage.completion_tokens
    fields["cost"] = report.cost
    fields["elapsed_s"] = round(report.elapsed_s, 3)
    fields["output"] = None if report.output is None else str(report.output)
    fields["errors"] = None if report.errors is None else str(report.errors)
    fields["estimate"] = None if report.estimate is None else asdict(report.estimate)
    return json.dumps(fields, indent=2)


def failures(report: BatchReport) -> str:
    """How many requests have failed, of which kinds, and what to do."""
    n_failed, errors = report.n_failed, report.errors
    text = f"{n_failed:,} of {report.n_requests:,} requests failed"
    where = "the column 'error'" if errors is None else repr(str(errors))
    if errors is not None and (kinds := _kinds(errors)):
        text += f" ({kinds})"
    return f"{text}; see {where}, and ask them again with --retry-errors"


def _kinds(errors: Path) -> str:
    counts: Counter[str] = Counter()
    try:
        with errors.open("rb") as file:
            for line in file:
                record = read_line(line)
                if record is not None and record.error is not None:
                    counts[str(record.error.get("type"))] += 1
    except OSError:
        return ""  # it was taken away already; the count stands
    named = [f"{n:,} × {kind}" for kind, n in counts.most_common(_MOST_KINDS)]
    return ", ".join(named) + ", …" * (len(counts) > _MOST_KINDS)
