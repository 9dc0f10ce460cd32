"""Headers of answers that say something about the answer."""

from __future__ import annotations

from collections.abc import Iterable

#: Names the arguments that were taken and have no effect.
IGNORED_PARAMETERS = "x-ignored-parameters"


def ignored_header(*names: Iterable[str]) -> dict[str, str]:
    """The header that names arguments without effect; none where there are none.

    :param names: ASCII names of ours, never what a client wrote.
    """
    unique = dict.fromkeys(name for some in names for name in some)
    return {IGNORED_PARAMETERS: ", ".join(unique)} if unique else {}
