"""Downloads from the Hugging Face hub, into the hub's own cache.

huggingface_hub lists, sends and links the files. Two things it leaves out are added here: a file is
held against its hash before it takes its place (plain HTTP passed a damaged file of the right
size), and what a broken download has brought is kept, so that the next process goes on from there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LLM.exceptions import (
    LLMAuthError,
    LLMConfigError,
    LLMConnectionError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    ModelNotFoundError,
)
from LLM.extras import how_to_add
from local_llm_kit import hub_cache
from local_llm_kit.hub_cache import HubModel
from local_llm_kit.hub_files import HubName, Kind, choose, not_found
from local_llm_kit.integrity import SHA1_DIGITS, SHA256_DIGITS, file_digest

if TYPE_CHECKING:
    from huggingface_hub.utils import tqdm

#: Seconds until the hub must have answered a question about a repository.
_LIST_TIMEOUT_S = 10.0
#: Bytes left free on the disk.
_SPACE_RESERVE = 64 << 20


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a repository.

    :param digest: SHA-256 of a large file, or git's SHA-1 of a small one; names it in the cache.
    """

    path: str
    size_bytes: int
    digest: str


def download(
    name: HubName,
    kinds: Sequence[Kind],
    cache: Path,
    *,
    offline: bool = False,
    progress: bool | None = None,
) -> HubModel:
    """Bring a model into the cache; files that are there already are not sent again.

    ``HF_ENDPOINT`` and ``HF_TOKEN`` are used as huggingface_hub uses them.

    :param kinds: what can be loaded, the best first.
    :param offline: refuse instead.
    :param progress: show a bar on stderr; None does on a terminal.
    :raises ModelNotFoundError: no such repository, revision or file, or `offline`.
    :raises LLMAuthError: the repository is private or gated, and the token does not open it.
    :raises LLMConnectionError: the hub cannot be reached, or the connection broke too often.
    :raises LLMResponseError: a file arrived damaged; it was removed.
    :raises LLMConfigError: the disk is full or read-only, or the package is missing.
    """
    if offline:
        raise _offline(name)
    try:
        from huggingface_hub.errors import HTTPError
    except ImportError as err:
        raise LLMConfigError(
            f"downloading {str(name)!r} needs the package 'huggingface_hub', which cannot be "
            f"imported; {how_to_add('hub')}",
            code="missing_package",
        ) from err
    try:
        return _Repository(name, cache, progress).download(kinds)
    except (HTTPError, OSError) as err:
        error = _translated(name, err)
    # Here and not above: what was caught holds the request, and that the token.
    raise error


class _Repository:
    """One repository of the hub at one revision."""

    def __init__(self, name: HubName, cache: Path, progress: bool | None) -> None:
        self._name = name
        self._cache = cache
        self._folder = hub_cache.repository_folder(cache, name.repository)
        self._endpoint = os.environ.get("HF_ENDPOINT") or None
        self._bar = _bar_class(progress)

    def download(self, kinds: Sequence[Kind]) -> HubModel:
        """Bring what is missing of the model that the name means."""
        commit, files = self._list()
        choice = choose(self._name, list(files), kinds)
        snapshot = self._folder / "snapshots" / commit
        missing = [files[path] for path in choice.files if not (snapshot / path).exists()]
        self._check_space(missing)
        for file in missing:
            self._fetch(file, commit)
        self._note(commit)
        return hub_cache.located(choice, snapshot)

    def _list(self) -> tuple[str, dict[str, _File]]:
        """The commit, and all files by their paths."""
        from huggingface_hub import HfApi

        api = HfApi(endpoint=self._endpoint)
        name = self._name
        try:
            info = api.model_info(
                name.repository,
                revision=name.revision,
                files_metadata=True,
                timeout=_LIST_TIMEOUT_S,
            )
        except (KeyError, TypeError, AttributeError, ValueError) as err:
            if isinstance(err, OSError):  # an answer of the hub that says no
                raise
            raise self._unreadable(f"{type(err).__name__} in its list of files") from err
        if not isinstance(info.sha, str) or not re.fullmatch(r"[0-9a-f]{40}", info.sha):
            raise self._unreadable(f"its commit is {info.sha!r}")
        files = [self._described(entry) for entry in info.siblings or ()]
        return info.sha, {file.path: file for file in files if file is not None}

    def _described(self, entry: Any) -> _File | None:
        """A file with its hash; None when its path would lead out of a folder."""
        parts = str(entry.rfilename).split("/")
        if any(part in ("", ".", "..") or "\\" in part for part in parts):
            return None
        digest = entry.lfs.sha256 if entry.lfs else entry.blob_id
        n_digits = SHA256_DIGITS if entry.lfs else SHA1_DIGITS
        is_digest = isinstance(digest, str) and re.fullmatch(r"[0-9a-f]+", digest)
        if not is_digest or len(digest) != n_digits or type(entry.size) is not int:
            raise self._unreadable(f"{entry.rfilename!r} has no size or no hash")
        return _File(entry.rfilename, entry.size, digest)

    def _unreadable(self, what: str) -> LLMResponseError:
        return LLMResponseError(
            f"the hub's answer about {self._name.repository!r} cannot be read: {what}; is "
            f"HF_ENDPOINT {self._endpoint or 'unset'!r} a Hugging Face hub?"
        )

    def _check_space(self, files: Sequence[_File]) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        n_needed = sum(file.size_bytes - self._n_present(file) for file in files)
        n_free = shutil.disk_usage(self._cache).free
        if n_needed and n_needed + _SPACE_RESERVE > n_free:
            raise LLMConfigError(
                f"{str(self._name)!r} needs {n_needed:,} bytes more in {str(self._cache)!r}, and "
                f"{n_free:,} are free; make room, or set {hub_cache.CACHE_DIR_VARIABLE} to a "
                "larger disk",
                code="disk_full",
            )

    def _n_present(self, file: _File) -> int:
        for path in (self._partial(file), self._blob(file)):
            try:
                return min(path.stat().st_size, file.size_bytes)
            except FileNotFoundError:  # or another process has just moved it into its place
                continue
        return 0

    def _blob(self, file: _File) -> Path:
        return self._folder / "blobs" / file.digest

    def _partial(self, file: _File) -> Path:
        return self._folder / "blobs" / f"{file.digest}.llm-kit.incomplete"

    def _fetch(self, file: _File, commit: str) -> None:
        """Bring one file into its place; of several processes one sends, the others wait."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.utils import WeakFileLock

        blob = self._blob(file)
        blob.parent.mkdir(parents=True, exist_ok=True)
        lock = self._cache / ".locks" / self._folder.name / f"{file.digest}.llm-kit.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock):
            if not blob.exists():
                self._send(file, commit)
                self._verify(file)
                os.replace(self._partial(file), blob)
        hf_hub_download(  # finds the blob, and links it into the snapshot
            self._name.repository,
            file.path,
            revision=commit,
            cache_dir=self._cache,
            endpoint=self._endpoint,
        )

    def _send(self, file: _File, commit: str) -> None:
        """Append what is missing to the partial file."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.constants import MAX_HTTP_DOWNLOAD_SIZE
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        if file.size_bytes > MAX_HTTP_DOWNLOAD_SIZE:
            raise LLMConfigError(
                f"{file.path!r} has {file.size_bytes:,} bytes, more than plain HTTP brings; run: "
                f"hf download {self._name.repository} {file.path} --cache-dir {self._cache}"
            )
        url = hf_hub_url(self._name.repository, file.path, revision=commit, endpoint=self._endpoint)
        with open(self._partial(file), "ab") as target:
            if target.tell() > file.size_bytes:
                target.seek(0)
                target.truncate()
            http_get(
                url,
                target,
                resume_size=target.tell(),
                headers=build_hf_headers(),
                expected_size=file.size_bytes,
                displayed_filename=file.path,
                tqdm_class=self._bar,
            )

    def _verify(self, file: _File) -> None:
        path = self._partial(file)
        found = file_digest(path, len(file.digest))
        if found == file.digest:
            return
        path.unlink()
        raise LLMResponseError(
            f"{file.path!r} of {self._name.repository!r} arrived damaged: its hash is {found}, and "
            f"the hub says {file.digest}; it was removed, try again",
            code="checksum_mismatch",
        )

    def _note(self, commit: str) -> None:
        """Write which commit the revision is, last: then all of its files are there."""
        if self._name.revision == commit:
            return
        path = self._folder / "refs" / self._name.revision
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit, "ascii")


def _bar_class(progress: bool | None) -> type[tqdm] | None:
    if progress is None:
        return None  # the library's own, which shows itself on a terminal alone
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        """A progress bar that is always or never shown."""

        def __init__(self, *args: Any, **settings: Any) -> None:
            settings["disable"] = not progress
            super().__init__(*args, **settings)  # type: ignore[no-untyped-call]  # tqdm has no types

    return Bar


def _offline(name: HubName) -> ModelNotFoundError:
    return not_found(
        name,
        "it is not in the cache as a whole, and nothing may be downloaded (offline); run once "
        "without offline=True and HF_HUB_OFFLINE, or give a path",
    )


def _translated(name: HubName, err: Exception) -> LLMError:
    """The error of ours that says what the hub or the disk says."""
    from huggingface_hub import errors

    repository = name.repository
    if isinstance(err, errors.OfflineModeIsEnabled):
        return _offline(name)
    if isinstance(err, errors.GatedRepoError):
        return LLMAuthError(
            f"{repository!r} is gated; accept its terms at https://huggingface.co/{repository} and "
            "set HF_TOKEN to a token of that account",
            status_code=403,
            model=str(name),
        )
    if isinstance(err, errors.RepositoryNotFoundError):
        return not_found(
            name, "the hub has no such repository, or it is private: then set HF_TOKEN"
        )
    if isinstance(err, errors.RevisionNotFoundError):
        return not_found(name, f"the repository has no revision {name.revision!r}")
    if isinstance(err, errors.HfHubHTTPError):
        return _refused(name, err.response.status_code)
    if isinstance(err, (errors.HTTPError, errors.LocalEntryNotFoundError, ConnectionError)):
        return LLMConnectionError(
            f"{str(name)!r} cannot be downloaded: the hub cannot be reached "
            f"({type(err).__name__}); what has arrived is kept, so that the next try goes on"
        )
    what = err.strerror if isinstance(err, OSError) and err.strerror else None
    if what is None:
        return LLMResponseError(f"{str(name)!r} cannot be downloaded: it arrived cut short")
    return LLMConfigError(
        f"{str(name)!r} cannot be kept: {what}; see {hub_cache.CACHE_DIR_VARIABLE}"
    )


def _refused(name: HubName, status: int) -> LLMError:
    message = f"the hub answers {status} about {str(name)!r}"
    if status in (401, 403):
        return LLMAuthError(f"{message}; set HF_TOKEN to a token that may", status_code=status)
    if status == 404:
        return ModelNotFoundError(message, status_code=404, code="model_not_found")
    if status == 429:
        return LLMRateLimitError(f"{message}: too many requests; try later", status_code=429)
    if status >= 500:
        return LLMServerError(f"{message}; try later", status_code=status)
    return LLMResponseError(message, status_code=status)
