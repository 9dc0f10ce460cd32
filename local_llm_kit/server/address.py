"""The address that a server listens on."""

from __future__ import annotations

import ipaddress
import os
import socket

from LLM.exceptions import LLMConfigError

_BACKLOG = 2048

#: A family, and an address of it with its port.
Address = tuple[socket.AddressFamily, tuple[str, int]]


def resolve(host: str, port: int) -> Address:
    """The address that a name stands for, IPv4 where it has one.

    :raises LLMConfigError: there is no such port, or the name is none of this machine.
    """
    if not 0 <= port <= 65535:
        raise LLMConfigError(f"port is {port!r}; give one from 0 (any free one) to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as err:
        raise LLMConfigError(
            f"host is {host!r}, which is no address of this machine: {err}"
        ) from err
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, (str(address[0]), port)


def is_loopback(address: Address) -> bool:
    """Whether only this machine reaches it."""
    return ipaddress.ip_address(address[1][0].partition("%")[0]).is_loopback


def bind(address: Address, name: str) -> socket.socket:
    """A socket that listens, and holds the port from now on.

    :param name: the address as it was asked for, for the error.
    :raises LLMConfigError: it cannot be had.
    """
    family, place = address
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        # At once, not when the model is loaded: until then another server could take the port too.
        listener.listen(_BACKLOG)
    except OSError as err:
        listener.close()
        raise LLMConfigError(
            f"cannot listen on {name}:{place[1]}: {err.strerror or err}; stop the "
            "program that uses it or choose another port (--port, 0 for a free one)",
            code="address_in_use",
        ) from err
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
