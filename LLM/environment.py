"""What the environment says about reaching an address: its proxy, and whom to trust.

Read when a client is made, never during a call.
"""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from LLM.exceptions import LLMConfigError

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PROXY_SCHEMES = ("http", "https")
_SOCKS_SCHEMES = ("socks4", "socks4a", "socks5", "socks5h")


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without brackets, is this machine by its spelling."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def proxy_of(api_root: str, *, socks_problem: str | None) -> str | None:
    """The environment's proxy for `api_root`, its scheme included; None when there is none.

    A program on this machine is never reached through a proxy, as Go's standard library has it.

    :param socks_problem: why a SOCKS proxy cannot be used; None where it can.
    :raises LLMConfigError: the variable holds no address. It may hold a password, which is not
        shown.
    """
    target = urlsplit(api_root)
    if is_loopback(target.hostname or "") or _is_excepted(target):
        return None
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy and "@" not in proxy:
        proxy = f"http://{proxy}"
    if problem := _problem(proxy, socks_problem):
        raise LLMConfigError(f"HTTP_PROXY, HTTPS_PROXY or ALL_PROXY {problem}")
    return proxy


def ca_bundle(verify: bool | str) -> bool | str:
    """The bundle to check certificates against, from the environment where `verify` is True.

    :return: a path, True for the bundle that comes with the library, False to check nothing.
    :raises LLMConfigError: the bundle named by `verify` or the environment does not exist.
    """
    source = "verify"
    if verify is True:
        for source in _CA_VARIABLES:
            if path := os.environ.get(source):
                verify = path
                break
    if isinstance(verify, str) and not os.path.exists(verify):
        raise LLMConfigError(f"{source} names {verify!r}, which does not exist")
    return verify


def _is_excepted(target: SplitResult) -> bool:
    """Whether NO_PROXY (or the system's settings) names the host, or a network that has it."""
    if proxy_bypass(target.netloc):
        return True
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return any(_contains(entry.strip(), target.hostname or "") for entry in listed.split(","))


def _contains(network: str, host: str) -> bool:
    try:
        return "/" in network and ipaddress.ip_address(host) in ipaddress.ip_network(network, False)
    except ValueError:
        return False


def _problem(proxy: str, socks_problem: str | None) -> str | None:
    try:
        parts = urlsplit(proxy)
        usable = bool(parts.hostname) and proxy.isprintable() and " " not in proxy
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if usable and parts.scheme in _SOCKS_SCHEMES:
        return socks_problem
    return None if usable and parts.scheme in _PROXY_SCHEMES else "holds no address of a proxy"
