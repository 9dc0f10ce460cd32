"""Whose a request is: what was kept for one key, no other key may see.

Keys are equal in what they may ask for, and not in whose conversations they may read.
"""

from __future__ import annotations

from starlette.types import Scope

_SCOPE_KEY = "local_llm_kit.owner"


def set_owner(scope: Scope, owner: int) -> None:
    """Note whose a request is.

    :param owner: place of its key among the server's.
    """
    scope[_SCOPE_KEY] = owner


def owner_of(scope: Scope) -> int:
    """Whose a request is; where no key is asked for, all requests are one owner's."""
    owner: int = scope.get(_SCOPE_KEY, 0)
    return owner
