"""All that OpenAI and its like may answer: see the modules beside this one."""

from __future__ import annotations

from tests.cloud.openai.answers import OPENAI
from tests.cloud.openai.compatible import COMPATIBLE
from tests.cloud.openai.errors import ERRORS

SCRIPTS = [*OPENAI, *COMPATIBLE, *ERRORS]
