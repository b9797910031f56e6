"""One POST over a real socket: what is sent, what counts as success, and what a hostile other side can do."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.service.kit.clock import now
from core.service.webhooks.addresses import Address, AddressPolicy
from core.service.webhooks.connect import NameNotResolvedError, Resolver, resolve
from core.service.webhooks.secrets import new_secret
from core.service.webhooks.send import Message, Outcome, Sender
from tests.support.webhook_receiver import Receiver, receiving

HERE = AddressPolicy([ip_network("127.0.0.0/8")])
PATIENT = 30.0
"""A limit that only a defect reaches."""
SECRET = new_secret()
TLS = httpx.create_ssl_context()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def message() -> Message:
    data = {"job_id": "job_1", "status": "succeeded", "verdict": "passed", "external_id": "Ünï-1"}
    return Message("whd_1", "job.succeeded", now(), data)


def sender(policy: AddressPolicy = HERE, seconds: float = PATIENT, resolver: Resolver = resolve) -> Sender:
    return Sender(policy, seconds, tls=TLS, resolver=resolver)


def send(url: str, by: Sender | None = None) -> Outcome:
    return (by or sender()).send(url, message(), [SECRET], now())


def test_what_arrives_is_signed_as_the_standard_says(receiver: Receiver) -> None:
    before, sent = SECRET, message()
    after = new_secret()
    outcome = sender().send(receiver.url + "?a=b#c", sent, [after, before], now())
    assert (outcome.name, outcome.status_code) == ("delivered", 200)
    (got,) = receiver.got
    assert got.path == "/hook?a=b"
    for secret in (before, after):
        payload = got.verified(secret)
        assert payload["type"] == "job.succeeded"
        assert dt.datetime.fromisoformat(payload["timestamp"]) == sent.created_at
        assert payload["data"] == sent.data
    with pytest.raises(Exception, match="No matching signature"):
        got.verified(new_secret())
    headers = {name.lower(): value for name, value in got.headers.items()}
    assert headers["webhook-id"] == "whd_1"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["content-type"] == "application/json"
    assert len(got.body) < 20_000


@pytest.mark.parametrize(
    ("status", "name"),
    [(200, "delivered"), (204, "delivered"), (299, "delivered"), (300, "rejected"), (304, "rejected"),
     (400, "rejected"), (404, "rejected"), (410, "gone"), (429, "rejected"), (503, "rejected")],
)  # fmt: skip
def test_only_2xx_is_success(receiver: Receiver, status: int, name: str) -> None:
    receiver.always(status, Retry_After="7")
    outcome = send(receiver.url)
    assert (outcome.name, outcome.status_code, outcome.retry_after) == (name, status, 7.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    with receiving() as elsewhere:
        receiver.always(status, Location=elsewhere.url)
        assert send(receiver.url).name == "rejected"
        assert elsewhere.got == []
    assert len(receiver.got) == 1


def test_proxies_of_the_environment_are_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert send(receiver.url).name == "delivered"
        assert proxy.got == []


class Names:
    """A name server that gives its answers one after the other, and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked += 1
        return [ip_address(text) for text in (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])]


def test_a_name_that_answers_differently_a_moment_later_gains_nothing() -> None:
    """Judged and connected to are one and the same answer: a second one is never asked for."""
    with receiving() as inside:
        names = Names(["127.0.0.2"], ["127.0.0.1"])
        by = sender(AddressPolicy([ip_network("127.0.0.2/32")]), resolver=names)
        # Nothing listens on .2: the connection fails there rather than going to .1.
        assert send(f"http://rebind.example:{inside.port}/", by).name == "connection_failed"
        assert send(f"http://rebind.example:{inside.port}/", by).name == "address_not_allowed"
        assert names.asked == 2
        assert inside.got == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "::ffff:127.0.0.1",
                "64:ff9b::7f00:1", "fe80::1", "fd00:ec2::254"],
)  # fmt: skip
def test_a_public_name_with_a_private_address_is_refused(receiver: Receiver, address: str) -> None:
    by = sender(AddressPolicy(), resolver=Names([address]))
    for url in ("https://public.example/", "https://public.example:8443/", f"http://public.example:{receiver.port}/"):
        assert send(url, by).name == "address_not_allowed"


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0", "localhost", "[::ffff:7f00:1]"])
def test_spellings_that_the_real_resolver_knows_are_refused(receiver: Receiver, host: str) -> None:
    assert send(f"https://{host}:8443/", sender(AddressPolicy())).name in (
        "address_not_allowed", "name_not_resolved",
    )  # fmt: skip
    assert send(f"http://{host}:{receiver.port}/", sender(AddressPolicy())).name in (
        "address_not_allowed", "name_not_resolved",
    )  # fmt: skip
    assert receiver.got == []


def test_of_several_addresses_only_allowed_ones_are_tried(receiver: Receiver) -> None:
    names = Names(["10.9.9.9", "127.0.0.2", "127.0.0.1"])
    assert send(f"http://many.example:{receiver.port}/hook", sender(resolver=names)).name == "delivered"
    assert receiver.got[0].headers["Host"] == f"many.example:{receiver.port}"


def test_a_name_that_does_not_exist() -> None:
    def nobody(host: str, port: int) -> list[Address]:
        raise NameNotResolvedError

    assert send("https://nowhere.example/", sender(resolver=nobody)).name == "name_not_resolved"
    assert send(f"https://{'a' * 70}.example/").name == "name_not_resolved"


def test_a_look_up_that_hangs_holds_nobody() -> None:
    released = threading.Event()

    def slow(host: str, port: int) -> list[Address]:
        released.wait(PATIENT)
        return []

    outcome = send("https://slow.example/", sender(seconds=0.2, resolver=slow))
    released.set()
    assert outcome.name == "timeout"


def _trickle_head(handler: BaseHTTPRequestHandler, released: threading.Event) -> None:
    _forever(handler, released, b"HTTP/1.1 200 OK\r\nX-Long: ", b"a")


def _silent(handler: BaseHTTPRequestHandler, released: threading.Event) -> None:
    released.wait(PATIENT)


def _still_there(handler: BaseHTTPRequestHandler, released: threading.Event) -> None:
    _forever(handler, released, b"", b"HTTP/1.1 102 Processing\r\n\r\n")


def _forever(handler: BaseHTTPRequestHandler, released: threading.Event, start: bytes, piece: bytes) -> None:
    handler.wfile.write(start)
    while not released.wait(0.02):
        handler.wfile.write(piece)


@pytest.mark.parametrize("hostile", [_trickle_head, _silent, _still_there])
def test_an_answer_that_never_comes_holds_nobody(
    receiver: Receiver, hostile: Callable[[BaseHTTPRequestHandler, threading.Event], None]
) -> None:
    receiver.respond = lambda handler: hostile(handler, receiver.released)
    started = time.monotonic()
    assert send(receiver.url, sender(seconds=0.4)).name == "timeout"
    assert time.monotonic() - started < PATIENT


@pytest.mark.parametrize("piece", [b"a", b"a" * 100_000])
def test_a_body_that_never_ends_is_not_read_to_its_end(receiver: Receiver, piece: bytes) -> None:
    receiver.respond = lambda handler: _forever(handler, receiver.released, b"HTTP/1.0 200 OK\r\n\r\n", piece)
    started = time.monotonic()
    outcome = send(receiver.url, sender(seconds=PATIENT * 10))
    assert (outcome.name, outcome.status_code) == ("delivered", 200)
    assert time.monotonic() - started < PATIENT


def test_an_answer_that_is_none(receiver: Receiver) -> None:
    receiver.respond = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9\r\n\r\n")
    assert send(receiver.url).name == "bad_response"
    receiver.respond = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    assert send(receiver.url).name in ("bad_response", "connection_failed")
    receiver.respond = lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000_000)
    assert send(receiver.url).name in ("bad_response", "connection_failed")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/").name == "connection_failed"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hook.example, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook.example")])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now() - dt.timedelta(1), now() + dt.timedelta(1))
    names = x509.SubjectAlternativeName(
        [x509.DNSName("hook.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.3"))]
    )
    signed = built.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "hook.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def test_over_tls_name_and_certificate_stay_those_of_the_url(certificate: Path) -> None:
    seen: list[str | None] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    server.sni_callback = lambda _socket, name, _context: seen.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with receiving(server) as receiver:
        names = Names(["127.0.0.1"])
        by = Sender(HERE, PATIENT, tls=trusting, resolver=names)
        assert send(f"https://hook.example:{receiver.port}/hook", by).name == "delivered"
        assert seen == ["hook.example"]
        assert receiver.got[0].headers["Host"] == f"hook.example:{receiver.port}"
        assert send(f"https://other.example:{receiver.port}/hook", by).name == "tls_failed"
        strict = sender(resolver=names)
        assert send(f"https://hook.example:{receiver.port}/hook", strict).name == "tls_failed"
        assert len(receiver.got) == 1


def test_a_handshake_that_never_ends_holds_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        assert send(f"https://127.0.0.1:{silent.getsockname()[1]}/", sender(seconds=0.3)).name == "timeout"
        assert time.monotonic() - started < PATIENT


def test_whatever_a_look_up_raises_the_try_ends_in_words() -> None:
    def broken(host: str, port: int) -> list[Address]:
        raise RuntimeError(host)

    assert send("https://odd.example/", sender(resolver=broken)).name == "connection_failed"
