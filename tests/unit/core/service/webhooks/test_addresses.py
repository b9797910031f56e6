"""Where a webhook may go: judged by address, in any spelling; and when it is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from core.service.errors import InvalidRequest
from core.service.webhooks import urls
from core.service.webhooks.addresses import AddressPolicy, is_public
from core.service.webhooks.schedule import OFFSETS, next_delay, pause, retry_after_seconds

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
PUBLIC = AddressPolicy()
INSIDE = AddressPolicy([ip_network("10.1.0.0/16"), ip_network("::1/128")])


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "168.63.129.16", "169.254.169.254",
        "172.16.0.1", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not PUBLIC.allows(ip_address(address), 443, tls=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2001:4860:4860::8888"])
def test_public_addresses_take_tls_on_the_usual_ports(address: str) -> None:
    place = ip_address(address)
    assert PUBLIC.allows(place, 443, tls=True)
    assert PUBLIC.allows(place, 8443, tls=True)
    assert not PUBLIC.allows(place, 443, tls=False)
    assert not PUBLIC.allows(place, 22, tls=True)
    assert not INSIDE.allows(place, 80, tls=False)


def test_networks_that_are_allowed_take_anything_and_their_neighbours_nothing() -> None:
    assert INSIDE.allows(ip_address("10.1.2.3"), 8080, tls=False)
    assert INSIDE.allows(ip_address("::1"), 9, tls=False)
    assert not INSIDE.allows(ip_address("10.2.0.1"), 443, tls=True)
    assert not INSIDE.allows(ip_address("::ffff:10.1.2.3"), 443, tls=True)
    assert not INSIDE.allows(ip_address("127.0.0.1"), 443, tls=True)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "https_required"),
        ("ftp://example.com/", "https_required"),
        ("javascript:alert(1)", "https_required"),
        ("example.com/hook", "https_required"),
        ("//example.com/hook", "https_required"),
        ("https://", "invalid_url"),
        ("https:///hook", "invalid_url"),
        ("https://exa mple.com/\n", "invalid_url"),
        ("https://example.com:port/", "invalid_url"),
        ("https://example.com:99999/", "invalid_url"),
        ("https://[::1/", "invalid_url"),
        ("https://user@example.com/", "credentials_in_url"),
        ("https://user:word@example.com/", "credentials_in_url"),
        ("https://example.com:22/", "port_not_allowed"),
        ("https://example.com:0/", "invalid_url"),
        ("https://127.0.0.1/", "address_not_allowed"),
        ("https://127.1/", "address_not_allowed"),
        ("https://2130706433/", "address_not_allowed"),
        ("https://0x7f000001/", "address_not_allowed"),
        ("https://0177.0.0.1/", "invalid_url"),
        ("https://0/", "address_not_allowed"),
        ("https://１２７.０.０.１/", "invalid_url"),
        ("https://[::1]/", "address_not_allowed"),
        ("https://[::ffff:169.254.169.254]/", "address_not_allowed"),
        ("https://[64:ff9b::10.0.0.1]/", "address_not_allowed"),
        ("https://169.254.169.254/latest/meta-data", "address_not_allowed"),
    ],
)
def test_urls_that_could_never_be_delivered_to(url: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        urls.check(url, PUBLIC)
    assert refused.value.code == code
    assert [fault.pointer for fault in refused.value.errors] == ["/url"]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a?b=c#d",
        "https://8.8.8.8/",
        "https://exämple.com/",
        "HTTPS://A/",
    ],
)
def test_urls_that_may_be_delivered_to(url: str) -> None:
    urls.check(url, PUBLIC)


def test_urls_inside_an_allowed_network() -> None:
    for url in ("http://10.1.0.9:8080/", "http://name.inside/", "https://[::1]:5000/"):
        urls.check(url, INSIDE)
    with pytest.raises(InvalidRequest):
        urls.check("http://127.0.0.1:8080/", INSIDE)


def test_ten_tries_over_a_day() -> None:
    waits = [next_delay(tries, jitter=lambda low, high: (low + high) / 2) for tries in range(1, 10)]
    assert sum((wait for wait in waits if wait is not None), timedelta()) == timedelta(days=1)
    assert waits[0] == timedelta(seconds=5)
    assert next_delay(len(OFFSETS)) is None


def test_jitter_spreads_and_stays_near() -> None:
    waits = {next_delay(3).total_seconds() for _ in range(50)}  # type: ignore[union-attr]
    assert len(waits) > 1
    assert all(0.9 * 1500 <= wait <= 1.1 * 1500 for wait in waits)


def test_the_receiver_s_wish_counts_when_it_is_later() -> None:
    assert next_delay(1, 60.0) == timedelta(seconds=60)
    assert next_delay(8, 1.0, jitter=lambda low, _: low) > timedelta(hours=4)  # type: ignore[operator]
    assert pause(1, 90.0) == timedelta(seconds=90)
    assert [pause(failures).total_seconds() for failures in (1, 2, 3, 50)] == [5, 10, 20, 300]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("999999999999", 86400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, AT) == seconds
