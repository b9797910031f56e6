from __future__ import annotations

import json
import math
import os
import stat
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from core.unlearning.patches import canonical, signing
from core.unlearning.patches.signing import SignatureError, Signer

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("bits", "text"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_standard_says(bits: str, text: str) -> None:
    assert canonical.dumps(struct.unpack(">d", bytes.fromhex(bits))[0]).decode() == text


def test_objects_are_written_as_the_standard_says() -> None:
    value = {
        "\u20ac": "Euro Sign",
        "\r": "CR",
        "\ufb33": "Hebrew",
        "1": "One",
        "\U0001f600": "Emoji",
        "\x80": "C",
        "ö": "O",
    }
    # RFC 8785, 3.2.3
    assert list(json.loads(canonical.dumps(value)).values()) == ["CR", "One", "C", "O", "Euro Sign", "Emoji", "Hebrew"]
    assert (
        canonical.dumps({"b": [1, 1.0, None], "a": '"\\\n\x0f€'})
        == '{"a":"\\"\\\\\\n\\u000f€","b":[1,1,null]}'.encode()
    )


@given(JSON)
def test_writing_survives_parsing(value: Any) -> None:
    try:
        written = canonical.dumps(value)
    except UnicodeEncodeError:
        return
    assert canonical.dumps(canonical.loads(written)) == written
    assert json.loads(written, parse_int=float) == value


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53 + 1, -(10**400), 10**21, {1: "a"}, b"bytes", "\ud800", {"a": {1}}]
)
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds
        canonical.dumps(value)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "NaN", "[Infinity]", "{", "[" * 100_000, "\xff"])
def test_ambiguous_or_broken_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds
        canonical.loads(text.encode("latin-1"))


def test_a_key_is_made_once_for_all_who_start_together_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "signing.pem"
    with ThreadPoolExecutor(8) as pool:
        signers = list(pool.map(lambda _: Signer.load_or_create(path), range(8)))
    assert len({signer.public_key for signer in signers}) == 1
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["signing.pem"]


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_broken_key_file_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SignatureError, match="key"):
        Signer.load_or_create(tmp_path / "key")


def test_a_signed_document_verifies_until_anything_changes() -> None:
    signer = Signer(Ed25519PrivateKey.generate())
    signed = json.loads(json.dumps(signer.sign_document({"a": 1.5, "b": {"c": ["é"]}}), indent=3))
    assert signing.verify_document(signed) == signing.verify_document(signed, signer.public_key) == signer.key_id
    for changed in (
        signed | {"a": 1.25},
        signed | {"extra": None},
        {key: value for key, value in signed.items() if key != "b"},
        {key: value for key, value in signed.items() if key != "signature"},
        signed | {"signature": signed["signature"][:-4] + "AAAA"},
        signed | {"signed_by": signed["signed_by"] | {"key_id": "0" * 16}},
        signed | {"signed_by": "me"},
        signed | {"signature": 7},
    ):
        with pytest.raises(SignatureError):
            signing.verify_document(changed, signer.public_key)


def test_a_document_by_another_key_is_refused_only_when_the_key_is_known() -> None:
    ours, theirs = Signer(Ed25519PrivateKey.generate()), Signer(Ed25519PrivateKey.generate())
    forged = theirs.sign_document({"a": 1})
    assert signing.verify_document(forged) == theirs.key_id
    with pytest.raises(SignatureError, match=f"by key {theirs.key_id}, not by {ours.key_id}"):
        signing.verify_document(forged, ours.public_key)


def test_the_published_key_checks_a_signature_independently() -> None:
    signer = Signer(Ed25519PrivateKey.generate())
    keys = signing.read_jwks(json.loads(json.dumps(signer.jwks())))
    assert keys == {signer.key_id: signer.public_key}
    assert signing.verify(keys[signer.key_id], signer.sign(b"data"), b"data")
    assert not signing.verify(keys[signer.key_id], signer.sign(b"data"), b"date")
    for nonsense in ({}, {"keys": []}, {"keys": [{"crv": "Ed25519", "kid": "x", "x": "!"}]}, {"keys": [1]}):
        with pytest.raises(SignatureError):
            signing.read_jwks(nonsense)


def test_verifying_loads_no_torch() -> None:
    modules = "core.unlearning.patches.verify, core.unlearning.patches.signing, core.unlearning.patches.bundle"
    heavy = "{'torch', 'transformers', 'peft', 'safetensors', 'numpy', 'huggingface_hub'}"
    script = f"import sys, {modules}; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
