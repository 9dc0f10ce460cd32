"""Clients of services in the cloud: `cloud.llm` for language models.

Clients of one address share its connections. A service closes them all when it ends::

    from cloud import close_all_cloud_clients

    await close_all_cloud_clients()
"""

from __future__ import annotations

import sys

from LLM.pool_limits import PoolLimits, set_pool_limits


async def close_all_cloud_clients() -> None:
    """Close the shared connections of all clients, blocking ones and those for coroutines.

    Idle connections close at once, those in use when their call is done. Async pools belong to an
    event loop: the running loop's are closed and those of ended loops dropped; another loop that
    runs closes its own. A client that is used again opens new connections. Safe to call again.
    """
    # A world that nobody has used has no pools, and is not loaded for this.
    if (blocking := sys.modules.get("LLM.transport")) is not None:
        blocking.close_shared_pools()
    if (coroutines := sys.modules.get("LLM.async_transport")) is not None:
        await coroutines.close_shared_pools()


__all__ = ["PoolLimits", "close_all_cloud_clients", "set_pool_limits"]
