"""Where another registry is, and how its files are read: over HTTPS, or from a folder."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from LLM.exceptions import LLMError
from llmring import http_address
from llmring.exceptions import ConfigurationError, RegistryError
from llmring.registry.reading import MAX_REGISTRY_BYTES

_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class RegistrySource:
    """A registry at an address.

    :param url: ``https://…`` or ``file://…``; ``http://…`` on this machine only.
    :param timeout_s: seconds that a file may take.
    :raises ConfigurationError: no registry can be there.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self.url = checked_url(url)
        self.is_folder = self.url.startswith("file:")
        self._timeout_s = timeout_s

    def file_url(self, provider: str, version: int | None = None) -> str:
        """The address of a provider's file: of its current state, or of a pinned one.

        :raises RegistryError: no provider has such a name, or no state such a number.
        """
        return self.url + self._path(provider, version)

    async def read(self, provider: str, version: int | None = None) -> bytes:
        """The bytes of a provider's file.

        :raises RegistryError: it is not there (`status_code` is 404), or cannot be read.
        """
        path = self._path(provider, version)
        if self.is_folder:
            return self.read_file(provider, version)
        # Loaded here because most programs never ask another registry.
        from LLM.async_transport import AsyncTransport
        from LLM.headers import merged_headers

        transport = AsyncTransport(self.url, merged_headers({}, {}), shared=True)
        try:
            answer = await transport.call("GET", path, None, timeout_s=self._timeout_s)
        except LLMError as err:
            raise RegistryError(
                f"the registry at {self.url} cannot be read: {err.message}", original=err
            ) from err
        if answer.status != 200:
            raise RegistryError(
                f"the registry at {self.url} answers {answer.status} for {path}",
                status_code=answer.status,
            )
        return answer.body

    def read_file(self, provider: str, version: int | None = None) -> bytes:
        """As `read`, from a folder.

        :raises RegistryError: as `read`.
        """
        from urllib.request import url2pathname  # it loads an HTTP client, some 20 ms

        path = Path(url2pathname(urlsplit(self.file_url(provider, version)).path))
        try:
            with path.open("rb") as file:
                return file.read(MAX_REGISTRY_BYTES + 1)
        except OSError as err:
            problem = err.strerror or type(err).__name__
            raise RegistryError(
                f"the registry's file {str(path)!r} cannot be read: {problem}",
                original=err,
                status_code=404 if isinstance(err, FileNotFoundError) else None,
            ) from err

    def _path(self, provider: str, version: int | None) -> str:
        # The name becomes part of an address, and of a path on the disk.
        if not _PROVIDER.fullmatch(provider):
            raise RegistryError(
                f"no registry has a provider {provider[:64]!r}; a name is of a-z, 0-9, - and _"
            )
        if version is None:
            return f"/{provider}/models.json"
        if version < 1:
            raise RegistryError(f"no registry has a version {version}; they count from 1")
        return f"/{provider}/v/{version}/models.json"


def checked_url(url: str) -> str:
    """`url` without a slash at its end.

    :raises ConfigurationError: no registry can be there.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"registry_url is {url!r}; give the address as text")
    problem = _problem(url)
    if problem:
        raise ConfigurationError(
            f"registry_url is {_shown(url)!r}, which {problem}; give https://…, file:///…, or "
            "http://… on this machine"
        )
    return url.rstrip("/")


def _problem(url: str) -> str | None:
    parts = http_address.split(url)
    if isinstance(parts, str):
        return parts
    if parts.scheme == "file":
        return None if parts.path and not parts.netloc else "names no absolute path"
    return http_address.problem(parts, "a registry", "change prices")


def _shown(url: str) -> str:
    """`url` without the user and password, and the query, that it may hold."""
    return re.sub(r"//[^/]*@", "//***@", url)[:200].partition("?")[0]
