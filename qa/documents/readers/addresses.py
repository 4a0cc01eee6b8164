"""Which addresses may be connected to: public ones only, judged after the name was resolved."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from qa.errors import AddressRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2_000
_IPV6_GLOBAL = ipaddress.IPv6Network("2000::/3")  # all that is handed out so far
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # an IPv4 address as networks without IPv4 see it (RFC 6052)
# Special ranges that older Pythons take for public, and addresses answered inside a cloud though their range is public.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "100.64.0.0/10", "168.63.129.16/32", "2001::/23", "2002::/16", "3fff::/20")
)


@dataclass(frozen=True)
class Target:
    """An address taken apart: what is asked for, of whom, at which port."""

    scheme: str
    host: str  # lower case, IDNA; without brackets
    port: int
    path: str  # with the query

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_url(url: str) -> Target:
    """Take an address apart.

    Raises:
        AddressRefused: no http or https, a user name in it, no host, or malformed.
    """
    if len(url) > _MAX_URL or any(c.isspace() or not c.isprintable() for c in url) or "\\" in url:
        raise AddressRefused(f"{url[:80]!r} is no address that can be fetched; give one like https://example.org/page")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
        if ":" not in host:
            host = host.encode("idna").decode("ascii").rstrip(".")
    except ValueError as error:
        raise AddressRefused(f"{url[:80]!r} is malformed; give an address like https://example.org/page") from error
    if scheme not in _PORTS:
        raise AddressRefused(f"only http and https addresses are fetched, not {scheme or 'an address without a scheme'}: {url[:80]!r}")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("an address with a user name or password in it is not fetched; download the file and add that")
    if not host or port == 0 or "%" in host:
        raise AddressRefused(f"{url[:80]!r} names no host; give an address like https://example.org/page")
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return Target(scheme, host.lower(), port or _PORTS[scheme], _ascii(path))


def _ascii(path: str) -> str:
    from urllib.parse import quote

    return quote(path, safe="/%?#[]@!$&'()*+,;=:~-._")


def resolve(host: str, port: int) -> list[str]:
    """Return the numeric addresses of a host, as the system resolves it.

    Decimal, octal and shortened numbers ("127.1", "2130706433") come out as the addresses they mean.

    Raises:
        OSError: the name is unknown.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def is_public(address: IPAddress) -> bool:
    """Tell whether an address is on the public internet: not private, loopback, link-local, multicast, reserved or a cloud's own."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _TRANSLATED:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _IPV6_GLOBAL:
            return False
    # is_global alone lets multicast through, and older Pythons know fewer special ranges under each name.
    special = (address.is_private, address.is_loopback, address.is_link_local, address.is_multicast, address.is_reserved, address.is_unspecified)
    return address.is_global and not any(special) and not any(address in network for network in _SPECIAL)
