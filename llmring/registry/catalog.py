"""The models of one provider, found by any of their names."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from llmring.registry.schemas import RegistryModel

# What providers put behind a model's name for one of its states:
# -2025-04-14, -20250929, -0613, -001, -preview-05-20, -preview-09-2025, @20250514, -latest.
_STATE = re.compile(
    r"(?:-preview)?(?:-\d{4}-\d{2}-\d{2}|[-@]\d{8}|-\d{2}-\d{4}|-\d{2}-\d{2}|-\d{3,4})$|-latest$"
)
_FINE_TUNED = re.compile(r"(ft:[^:]+):")
#: Longest name that is looked for, and most names that are compared to find near ones.
_MAX_NAME_CHARS = 256
_MAX_COMPARED = 5000


class Catalog:
    """The models of one provider.

    :param provider: its name.
    :param models: its models; where two share a name, the first has it.
    :param version: the registry's number of this state of the list; None when it has none.
    :param updated_at: when the registry made it, as it says.
    :param day: the day (UTC) whose prices hold; the first of all for those that held when the list
        was made.
    """

    def __init__(
        self,
        provider: str,
        models: Iterable[RegistryModel],
        *,
        version: int | None = None,
        updated_at: str | None = None,
        day: datetime.date = datetime.date.min,
    ) -> None:
        self.provider = provider
        self.version = version
        self.updated_at = updated_at
        self.day = day
        self.models: dict[str, RegistryModel] = {}
        for model in models:
            self.models.setdefault(model.model_name, model.as_of(day))
        self._by_alias: dict[str, RegistryModel] = {}
        for model in self.models.values():
            for alias in model.model_aliases:
                self._by_alias.setdefault(alias, model)
        # The newest of several dated states answers to the name without a date; to one with
        # another date, none of them does.
        self._newest = {undated(name): model for name, model in sorted(self.models.items())}

    def __iter__(self) -> Iterator[RegistryModel]:
        return iter(self.models.values())

    def __len__(self) -> int:
        return len(self.models)

    def on(self, day: datetime.date) -> Catalog:
        """The same list with the prices of `day`, no earlier than this one's."""
        return Catalog(
            self.provider, self, version=self.version, updated_at=self.updated_at, day=day
        )

    def find(self, name: str) -> RegistryModel | None:
        """The model of that name: its own, an alias, or either with a date behind it."""
        if len(name) > _MAX_NAME_CHARS:
            return None
        candidates = _candidates(name)
        if self.provider == "ollama":
            # Its names end in a tag for the size or the quantisation, such as llama3.2:3b.
            candidates = chain(candidates, [name.partition(":")[0]])
        for candidate in candidates:
            found = self.models.get(candidate) or self._by_alias.get(candidate)
            if found is not None:
                return found
        return self._newest.get(name)

    def near(self, name: str, n: int = 3) -> list[str]:
        """Models whose names or aliases look like `name`, the nearest first."""
        names = [*self.models, *self._by_alias][:_MAX_COMPARED]
        # Some models have many aliases alike.
        close = difflib.get_close_matches(name[:_MAX_NAME_CHARS].lower(), names, 4 * n, 0.5)
        found = (self.models.get(one) or self._by_alias[one] for one in close)
        return list(dict.fromkeys(model.model_name for model in found))[:n]


def undated(name: str) -> str:
    """`name` without the date or number of a state that stands behind it."""
    return _STATE.sub("", name)


def _candidates(name: str) -> Iterator[str]:
    """The names that `name` may stand in the list by, the most exact first."""
    yield name
    plain = name.lower().removeprefix("models/")
    if plain != name:
        yield plain
    if (short := undated(plain)) != plain:
        yield short
    if tuned := _FINE_TUNED.match(plain):
        yield undated(tuned[1])
