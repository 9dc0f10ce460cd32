"""Which store is meant: that of an llmring server, or a database on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from llmring.conversations.addresses import VARIABLE, database_url, default_url
from llmring.exceptions import ConfigurationError

if TYPE_CHECKING:
    from llmring.conversations.protocol import UsageSink
    from llmring.conversations.remote.address import RemoteAddress
    from llmring.conversations.remote.store import RemoteStore
    from llmring.conversations.sql.store import SQLStore

#: Whose conversations those of a ring are, where nobody says otherwise.
OWNER = "local"


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where a store is; it is opened by the methods.

    :param server: the llmring server; None for a database.
    :param database: its address, as `database_url` gives it; empty for the user's own file. Of no
        meaning with a server.
    :param owner: whose it is, in a database; at a server the key says so.
    """

    server: RemoteAddress | None
    database: str
    owner: str = OWNER

    @classmethod
    def read(
        cls,
        environ: Mapping[str, str],
        server_url: str | None = None,
        api_key: str | None = None,
        store: str | os.PathLike[str] | None = None,
        owner: str = OWNER,
    ) -> Self:
        """What is given, else what the environment names: a server, else a database.

        :param server_url: None for ``LLMRING_SERVER_URL``, unless `store` is given.
        :param api_key: None for ``LLMRING_API_KEY``.
        :param store: as for `open_store`; None for ``LLMRING_DATABASE_URL``.
        :raises ConfigurationError: none can be there, or both are given.
        """
        if store is not None and server_url is not None:
            raise ConfigurationError("server_url and store are two places; give one of them")
        if store is None and (server_url is not None or environ.get("LLMRING_SERVER_URL")):
            # Loaded here: it takes 20 ms, and most programs have no server.
            from llmring.conversations.remote.address import RemoteAddress

            if server := RemoteAddress.read(environ, server_url, api_key):
                return cls(server, "", owner)
        if api_key is not None:
            raise ConfigurationError("api_key is for a server; give server_url, too")
        # Read now: a relative path is meant from where the program is.
        named = store is not None or environ.get(VARIABLE, "").strip()
        return cls(None, database_url(store) if named else "", owner)

    def usage_sink(self) -> UsageSink:
        """Where calls are noted.

        :raises ConfigurationError: the owner cannot be one.
        """
        if self.server is not None:
            return self._remote(self.server)
        from llmring.conversations.local_usage import LocalUsage

        return LocalUsage(self.database or default_url(), self.owner)

    def open(self) -> SQLStore | RemoteStore:
        """The store, for conversations and usage.

        :raises ConfigurationError: the owner cannot be one, or a package is not installed.
        """
        if self.server is not None:
            return self._remote(self.server)
        from llmring.conversations.opening import open_store

        return open_store(self.database or default_url(), self.owner)

    def _remote(self, server: RemoteAddress) -> RemoteStore:
        from llmring.conversations.remote.connection import ServerConnection
        from llmring.conversations.remote.store import RemoteStore

        return RemoteStore(ServerConnection(server))
