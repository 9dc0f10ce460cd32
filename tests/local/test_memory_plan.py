"""The table of a plan, and amounts of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from LLM.exceptions import LLMConfigError
from local_llm_kit.devices import Device, host, parse_budget
from local_llm_kit.memory_plan import MemoryPlan, format_bytes

PLAN = MemoryPlan(
    model="tiny",
    parts={"weights": 100 << 20, "cache": 3 << 20, "vocabulary": 1024},
    context_length=2048,
    n_slots=8,
    n_cells=4096,
    n_batch=512,
    device_bytes={"cpu": 103 << 20},
    budget_bytes=1 << 30,
    decisions=("window of 2,048 tokens",),
)


def test_a_plan_prints_as_a_table() -> None:
    measured = {"weights": 80 << 20, "cache": 3 << 20, "resident": 90 << 20}
    assert repr(PLAN.with_measured(measured)).splitlines() == [
        "tiny: 103.0 MiB planned of a budget of 1.00 GiB",
        "                 planned    measured",
        "weights        100.0 MiB    80.0 MiB   +25.0%",
        "cache            3.0 MiB     3.0 MiB    +0.0%",
        "vocabulary       1.0 KiB",
        "total          103.0 MiB    83.0 MiB   +24.1%",
        "resident                    90.0 MiB",
        "- window of 2,048 tokens",
    ]


def test_a_plan_that_was_not_loaded_has_no_column_for_it() -> None:
    assert repr(PLAN).splitlines()[1:3] == [
        "                 planned",
        "weights        100.0 MiB",
    ]


def test_what_was_not_measured_has_no_deviation() -> None:
    assert PLAN.deviation("weights") is None
    assert PLAN.total_deviation is None


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"),
        (3 << 40, "3072.00 GiB"),
    ],
)
def test_sizes_are_readable(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("budget", "size"),
    [(5, 5), ("6GiB", 6 << 30), ("500 MB", 500 * 10**6), ("1.5g", 1500 * 10**6), ("700", 700),
     ("50%", 400), (" 12.5 % ", 100)],
    ids=str,
)  # fmt: skip
def test_budgets_are_read(budget: int | str, size: int) -> None:
    assert parse_budget(budget, Device("cpu", 800, 10)) == size


@pytest.mark.parametrize(
    "budget", [0, -1, True, 1.5, "", "0", "6 GiBs", "-1", "0%", "101%", "٣GiB", "1e9"], ids=repr
)
def test_what_is_no_amount_is_refused(budget: int | str) -> None:
    with pytest.raises(LLMConfigError, match="memory_budget is"):
        parse_budget(budget, Device("cpu", 800, 10))


def test_a_share_of_what_is_not_known_is_refused() -> None:
    with pytest.raises(LLMConfigError, match="give bytes"):
        parse_budget("50%", None)


def machine(root: Path, groups: str, **files: str) -> Path:
    """A machine's files, with 1,000 kB of which 600 are available."""
    files = {
        "proc/meminfo": "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable:    600 kB\n",
        "proc/self/cgroup": groups,
    } | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "total", "free"),
    [
        ("", {}, 1000, 600),
        ("0::/a/b", {"a/b/memory.max": "512000", "a/b/memory.current": "102400"}, 500, 400),
        ("0::/a/b", {"a/memory.max": "204800", "a/b/memory.max": "max"}, 200, 200),
        ("0::/", {"memory.max": "max\n"}, 1000, 600),
        (
            "4:cpu,memory:/x",
            {"memory/memory.limit_in_bytes": "307200", "memory/memory.usage_in_bytes": "999999"},
            300,
            0,
        ),
        ("4:memory:/", {"memory/memory.limit_in_bytes": str(2**63 - 4096)}, 1000, 600),
    ],
    ids=["no group", "version 2", "a group around it", "no limit", "version 1", "no limit in 1"],
)
def test_a_containers_limit_is_the_hosts_memory(
    tmp_path: Path, groups: str, files: dict[str, str], total: int, free: int
) -> None:
    assert host(machine(tmp_path, groups, **files)) == Device("cpu", total << 10, free << 10)
