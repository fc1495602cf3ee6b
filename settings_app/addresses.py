"""Where a provider may be: what its base URL looks like, and which addresses may be connected to.

A URL is checked when it is saved, and each address that its name resolves to when a connection is made. Plain Python.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

Address = IPv4Address | IPv6Address
Reach = Literal["public", "private", "never"]

# Virtual machines ask these for their own credentials: whoever reaches them through this server is handed those.
METADATA = frozenset(
    ip_address(address)
    for address in (
        "169.254.169.254",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
    )
)
LONGEST_URL = 500  # characters, as the table has room for

_GLOBAL_6 = IPv6Network("2000::/3")  # all that is assigned for the internet; Python calls fec0:: global
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")  # "::127.0.0.1", long given up, and still understood by some
_NOT_PUBLIC = tuple(  # that not every Python knows
    ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")
)
_NEVER = tuple(ip_network(network) for network in ("0.0.0.0/8", "240.0.0.0/4"))

_PLACE = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH = re.compile(r"(?:[A-Za-z0-9/._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")  # what is sent as it is written
_DEVIATING = "ßς"  # the two standards of IDNA make other names of them
_ENDPOINT = re.compile(r"/(chat/completions|completions|embeddings|messages)\Z")


def clean_base_url(text: str, *, allow_private: bool) -> str:
    """The URL in one spelling, with no slash at its end. Raises ValidationError, which says what to write instead.

    What a name resolves to is not looked at: that can be another address by the time it is used.
    """
    text = text.strip()
    if len(text) > LONGEST_URL:
        raise _wrong(f"Use at most {LONGEST_URL} characters.")
    if not text.isprintable() or re.search(r"[\s\\]", text):
        raise _wrong("Leave out spaces, backslashes and control characters.")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _wrong("Write it like https://api.example.com/v1.") from None
    scheme = parts.scheme
    if scheme not in ("https", "http") or not parts.netloc:
        raise _wrong("Begin with https://, like https://api.example.com/v1.")
    if "@" in parts.netloc:
        raise _wrong("Leave out the user name and password; the key has a field of its own.")
    if "?" in text or "#" in text:
        raise _wrong("Leave out what follows ? and #.")
    if scheme == "http" and not allow_private:
        raise _wrong("Use https. http is for a private address, and only if you allow one.")
    host, port = _place(parts.netloc)
    host = _clean_host(host, allow_private=allow_private, encrypted=scheme == "https")
    shown_port = "" if port in (None, {"https": 443, "http": 80}[scheme]) else f":{port}"
    return f"{scheme}://{host}{shown_port}{_clean_path(parts.path)}"


def refusal(address: str, *, allow_private: bool, encrypted: bool) -> str:
    """Why no connection to this IP address may be made; empty if it may. Raises ValueError if it is none."""
    reach = _reach(ip_address(address))
    if reach == "never":
        return (
            f"{address} is never connected to: it is link-local, unspecified, multicast, or where a cloud keeps "
            "its machines' credentials."
        )
    if reach == "private" and not allow_private:
        return f"{address} is a private address. Allow one for this provider if that is meant."
    if reach == "public" and not encrypted:
        return f"{address} is a public address, where http would send the key for all to read. Use https."
    return ""


def _reach(address: Address) -> Reach:
    inner = _inside(address)
    reaches = {_reach(one) for one in inner}
    if address in METADATA or "never" in reaches:
        return "never"
    if inner:
        return "private" if "private" in reaches else "public"
    if address.is_unspecified or address.is_link_local or address.is_multicast or _in(address, _NEVER):
        return "never"
    if not address.is_global or _in(address, _NOT_PUBLIC):
        return "private"
    return "public" if address.version == 4 or address in _GLOBAL_6 else "private"


def _inside(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one stands for: mapped, 6to4, Teredo's two, NAT64's, compatible."""
    if address.version == 4:
        return []
    assert isinstance(address, IPv6Address)
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return []


def _in(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def _place(netloc: str) -> tuple[str, int | None]:
    found = _PLACE.fullmatch(netloc)
    if found is None:
        raise _wrong("Write host and port like api.example.com:8443, an IPv6 address in [brackets].")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise _wrong("The port is a number from 1 to 65535.")
    return found["host"], port


def _clean_host(host: str, *, allow_private: bool, encrypted: bool) -> str:
    """A literal address is judged here. A name is judged by what it resolves to, each time."""
    if host.startswith("["):
        address = _allowed(_address_6(host[1:-1]), allow_private, encrypted)
        return str(address) if address.version == 4 else f"[{address}]"
    name = _ascii(host).removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return str(_allowed(_address_4(name), allow_private, encrypted))
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _wrong("The name of the host is none: letters, digits and hyphens, with dots between.")
    if labels[-1] == "localhost" and not allow_private:
        raise _wrong(f"{name} is this machine. Allow a private address if that is meant.")
    return name


def _ascii(host: str) -> str:
    """As it is asked for in the DNS: lower case, other scripts in their xn-- form."""
    if host.isascii():
        return host.lower()
    if any(letter in host for letter in _DEVIATING):
        raise _wrong("This name can be read in two ways. Write it in its ASCII form, which begins with xn--.")
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        raise _wrong("The name of the host is none that can be looked up.") from None


def _address_4(name: str) -> IPv4Address:
    try:
        return IPv4Address(name)
    except ValueError:
        raise _wrong("Write an IP address as four numbers, like 192.168.1.20.") from None


def _address_6(text: str) -> Address:
    try:
        if "%" in text:
            raise ValueError
        address = IPv6Address(text)
        return address.ipv4_mapped or address
    except ValueError:
        raise _wrong("What stands in the brackets is no IPv6 address.") from None


def _allowed(address: Address, allow_private: bool, encrypted: bool) -> Address:
    said = refusal(str(address), allow_private=allow_private, encrypted=encrypted)
    if said:
        raise _wrong(said)
    return address


def _clean_path(path: str) -> str:
    path = path.rstrip("/")
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise _wrong(
            "The path is letters, digits and a few signs, the others as in %20, and without . or .. in it."
        )
    if found := _ENDPOINT.search(path):
        raise _wrong(
            f"Leave out {found[0]}: the base URL goes up to the version, like https://api.example.com/v1."
        )
    return path


def _wrong(said: str) -> ValidationError:
    return ValidationError(said, code="invalid")
