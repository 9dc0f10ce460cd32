"""Questions to a provider beside chats: what is asked, and how the answer is read. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from LLM.codec import Source
from LLM.exceptions import LLMResponseError

AnswerT = TypeVar("AnswerT")

#: Most pages of a list that are read: a server that never ends its list must not hold a caller.
MAX_PAGES = 100


@dataclass(frozen=True, slots=True)
class Question(Generic[AnswerT]):
    """What is asked of a server, and how its answer is read.

    :param read: takes the answer's body, its status, and who answered.
    """

    method: str
    path: str
    read: Callable[[bytes, int, Source], AnswerT]


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A page of the list of a provider's models.

    :param names: as calls take them.
    :param following: what the question for the next page is made with; None for the last page.
    """

    names: list[str]
    following: str | None = None


class ModelList:
    """The models of a provider, read page by page.

    :param page: gives the question for a page; None stands for the first one.
    """

    def __init__(self, page: Callable[[str | None], Question[ModelPage]]) -> None:
        self.names: list[str] = []
        #: What is to be asked next; None when all is read.
        self.question: Question[ModelPage] | None = page(None)
        self._page = page
        self._n_pages = 0

    def take(self, page: ModelPage) -> None:
        """Take the answer to the question.

        :raises LLMResponseError: there is no end to the list.
        """
        self.names += page.names
        self._n_pages += 1
        if page.following is None:
            self.question = None
            return
        if self._n_pages == MAX_PAGES:
            raise LLMResponseError(
                f"the list of models has more than {MAX_PAGES} pages; check base_url"
            )
        self.question = self._page(page.following)
