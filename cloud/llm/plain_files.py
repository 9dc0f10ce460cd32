"""What OpenAI's and Anthropic's file APIs have in common. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from cloud.llm.file_source import FileSource
from cloud.llm.files import FileUpload, Processing, UploadedFile, file_path
from cloud.llm.questions import Question
from LLM.codec import Source
from LLM.exceptions import LLMAPIError

PATH = "/files"


class PlainFiles(ABC):
    """A file API with one path, whose files can be used at once.

    :param example: an id, for errors.
    """

    def __init__(self, example: str) -> None:
        self._example = example

    @abstractmethod
    def upload(self, file: FileSource, purpose: Any) -> FileUpload:
        """See `FileCodec.upload`."""

    @staticmethod
    @abstractmethod
    def read(body: bytes, status: int, source: Source) -> UploadedFile:
        """What an answer tells of a file."""

    @staticmethod
    @abstractmethod
    def read_deleted(body: bytes, status: int, source: Source) -> None:
        """Read the answer to a deletion.

        :raises LLMResponseError: it does not say that the file is deleted.
        """

    def info(self, file_id: str) -> Question[UploadedFile]:
        """See `FileCodec.info`."""
        return Question("GET", self._path(file_id), self.read)

    def state(self, file_id: str) -> Question[UploadedFile | Processing]:
        """See `FileCodec.state`."""
        return Question("GET", self._path(file_id), self.read)

    def delete(self, file_id: str) -> Question[None]:
        """See `FileCodec.delete`."""
        return Question("DELETE", self._path(file_id), self.read_deleted)

    def is_gone(self, refusal: LLMAPIError) -> bool:
        """See `FileCodec.is_gone`."""
        return refusal.status_code == 404

    def _path(self, file_id: str) -> str:
        return f"{PATH}/{file_path(file_id, self._example)}"
