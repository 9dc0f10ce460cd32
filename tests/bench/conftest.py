"""Lets tests import what benchmarks are made of, as `python bench/local.py` does."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
