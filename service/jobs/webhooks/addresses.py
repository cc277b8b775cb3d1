"""The addresses that a webhook may be sent to.

A host name that the operator allowed may later resolve to a machine in the operator's network (DNS rebinding). A name
is resolved once, every address is checked, and the connection is made to a checked address.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host, for a port. Raises OSError."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(OSError):
    """A name resolves to an address that webhooks may not be sent to."""


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def allowed_addresses(
    host: str, port: int, networks: Sequence[Network], *, seconds: float, resolve: Resolve = resolve_host
) -> list[str]:
    """Return the addresses of a host.

    Args:
        host: A name or an address that the operator allowed. An address needs no further check.
        port: The port.
        networks: Networks that names may resolve to, in addition to public addresses.
        seconds: The longest time to wait for the resolver.
        resolve: Resolves names.

    Raises:
        AddressRefused: One of the addresses is not public and in none of the networks.
        OSError: The name cannot be resolved.
    """
    literal = _parse(host)
    if literal is not None:
        return [str(literal)]
    found = _within(seconds, lambda: resolve(host, port))
    addresses = [_parse(each) for each in found]
    for shown, address in zip(found, addresses, strict=True):
        if address is None or not _is_allowed(host, address, networks):
            raise AddressRefused(f"{host} resolves to {shown}, which is not a public address")
    return list(found)


def _is_allowed(host: str, address: Address, networks: Sequence[Network]) -> bool:
    if host == "localhost":
        return address.is_loopback
    inner = _embedded(address)
    if any(inner in network for network in networks if network.version == inner.version):
        return True
    return inner.is_global and not inner.is_multicast


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _parse(address: str) -> Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None


def _within(seconds: float, call: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Return the result of a call that cannot be interrupted, or raise TimeoutError."""
    results: list[Sequence[str]] = []
    errors: list[OSError] = []

    def run() -> None:
        try:
            results.append(call())
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no DNS can hold
            errors.append(error if isinstance(error, OSError) else OSError(str(error)))

    thread = threading.Thread(target=run, name="resolve", daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError("the host name was not resolved in time")
    return results[0]
