"""Outbound calls to addresses that people give cannot reach private networks.

The name is resolved and checked first, and the client is pinned to the checked address, so that a second
look-up cannot lead elsewhere. The operator may allow exact hosts and ranges (VAIVEM_ALLOW_PRIVATE).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from pyreqwest.http import Url

from vaivem.config import PrivateHost
from vaivem.core.errors import RetryError, RuleError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64: IPv4 in the last 32 bits


def is_public(address: IpAddress) -> bool:
    """Say whether an address belongs to the open internet (an IPv4 address inside IPv6 is looked at too)."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.is_reserved:
            return False  # the library calls some of these global
    return address.is_global and not address.is_multicast


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a gateway on the way would make of an IPv6 one."""
    if address in TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def is_allowed(address: IpAddress, host: str, port: int, allowed: tuple[PrivateHost, ...]) -> bool:
    """Say whether the operator or the address itself lets a call through."""
    if is_public(address):
        return True
    return any(_permits(rule, address, host, port) for rule in allowed)


def _permits(rule: PrivateHost, address: IpAddress, host: str, port: int) -> bool:
    if rule.network is not None:
        return address.version == rule.network.version and address in rule.network
    return rule.host in (host, str(address)) and rule.port in (None, port)


async def checked_address(url: str, allowed: tuple[PrivateHost, ...]) -> tuple[str, str, int]:
    """Resolve the host of `url` and return (host, address, port), the address being one that may be called.

    Raises RuleError for an address that may not be reached, RetryError when the name does not resolve now.
    """
    host, port = _target(url)
    for address in await _resolve(host, port):
        if is_allowed(address, host, port, allowed):
            return host, str(address), port
    raise RuleError("address_is_private", params={"address": host})


def _target(url: str) -> tuple[str, int]:
    """Return host and port as the client itself reads them.

    Another parser may see another host in ``http://10.0.0.1\\@example.com``, and would check the wrong one.
    """
    try:
        parts = Url(url)
    except ValueError as error:
        raise RuleError("address_not_usable", params={"address": url[:80]}) from error
    host, port = (parts.host_str or "").lower().strip("[]"), parts.port_or_known_default
    if parts.scheme not in ("http", "https") or not host or not port:
        raise RuleError("address_not_usable", params={"address": host or url[:80]})
    return host, port


async def _resolve(host: str, port: int) -> list[IpAddress]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise RetryError("address_unknown", params={"address": host}, detail=str(error)) from error
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
