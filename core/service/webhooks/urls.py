"""Checks the URL of an endpoint, with the parser that is also used for sending."""

from __future__ import annotations

import httpx

from core.service.errors import InvalidRequest
from core.service.webhooks.addresses import PUBLIC_PORTS, AddressPolicy, literal

_POINTER = "/url"
_DEFAULT_PORTS = {"https": 443, "http": 80}


def port_of(url: httpx.URL) -> int:
    """The port, explicit or by the scheme."""
    return url.port if url.port is not None else _DEFAULT_PORTS[url.scheme]


def check(text: str, policy: AddressPolicy) -> None:
    """Raises `InvalidRequest` for a URL to which nothing can be delivered. Names are resolved only when sending."""
    url = _parse(text)
    if url.scheme not in _DEFAULT_PORTS or (url.scheme == "http" and not policy.networks):
        raise _fault("https_required", "Must be an https URL.")
    if not url.raw_host or url.raw_host.strip(b".") == b"":
        raise _fault("invalid_url", "Must name a host.")
    if not 0 < port_of(url) < 2**16:
        raise _fault("invalid_url", "Must have a port from 1 to 65535.")
    if url.userinfo:
        raise _fault("credentials_in_url", "Must not hold a user name or password.")
    if not policy.networks and port_of(url) not in PUBLIC_PORTS:
        raise _fault("port_not_allowed", "Must use port 443 or 8443.")
    address = literal(url.raw_host.decode("ascii"))
    if address is not None and not policy.allows(address, port_of(url), tls=url.scheme == "https"):
        raise _fault("address_not_allowed", "Private, loopback and link-local addresses are not delivered to.")


def _parse(text: str) -> httpx.URL:
    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise _fault("invalid_url", "Must be a URL.") from None


def _fault(code: str, detail: str) -> InvalidRequest:
    return InvalidRequest.one(_POINTER, code, detail)
