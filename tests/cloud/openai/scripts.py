"""All that OpenAI and its like may answer: see the modules beside this one."""

from __future__ import annotations

from tests.cloud.openai.answers import OPENAI
from tests.cloud.openai.compatible import COMPATIBLE
from tests.cloud.openai.errors import ERRORS
from tests.cloud.openai.oddities import ODDITIES

SCRIPTS = [*OPENAI, *COMPATIBLE, *ODDITIES, *ERRORS]
