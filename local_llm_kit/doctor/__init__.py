"""What this machine has for running models, what is missing, and the command that adds it.

Nothing heavy is imported here: what a back end can do is tried in a process of its own, so that a
library that was built for another processor ends that process and not this one.
"""

from __future__ import annotations

from local_llm_kit.doctor.examination import Examination, examine
from local_llm_kit.doctor.finding import Finding, Status

__all__ = ["Examination", "Finding", "Status", "examine"]
