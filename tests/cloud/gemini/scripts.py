"""All that Gemini may answer: see the modules beside this one."""

from __future__ import annotations

from tests.cloud.gemini.answers import ANSWERS
from tests.cloud.gemini.errors import ERRORS

SCRIPTS = [*ANSWERS, *ERRORS]
