"""Envelope encryption, identifiers, secrets in files."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from core.service.access.secrets import new_secret, well_formed
from core.service.crypto.keyring import DecryptionError, Keyring, WrappedKey
from core.service.crypto.secret_files import read_or_create
from core.service.kit.clock import now
from core.service.kit.ids import created_at, new_id

RING = Keyring(b"k" * 32)


@given(st.binary(max_size=2000), st.text(max_size=50))
def test_what_is_encrypted_can_be_read_under_its_own_name_only(data: bytes, aad: str) -> None:
    key = RING.new_data_key()
    blob = RING.encrypt(key, data, aad)
    assert RING.decrypt(key, blob, aad) == data
    assert len(data) < 8 or data not in blob
    with pytest.raises(DecryptionError):
        RING.decrypt(key, blob, aad + "x")
    with pytest.raises(DecryptionError):
        RING.decrypt(RING.new_data_key(), blob, aad)


@given(st.data())
def test_any_flipped_bit_is_noticed(data: st.DataObject) -> None:
    key = RING.new_data_key()
    blob = RING.encrypt(key, b"a picture", "place")
    for original, use in ((blob, lambda b: (key, b)), (key.blob, lambda b: (WrappedKey(b), blob))):
        bit = data.draw(st.integers(0, len(original) * 8 - 1))
        changed = bytearray(original)
        changed[bit // 8] ^= 1 << bit % 8
        wrapped, ciphertext = use(bytes(changed))
        with pytest.raises(DecryptionError):
            RING.decrypt(wrapped, ciphertext, "place")


def test_another_master_key_opens_nothing() -> None:
    key = RING.new_data_key()
    blob = RING.encrypt(key, b"x", "a")
    with pytest.raises(DecryptionError):
        Keyring(b"j" * 32).decrypt(key, blob, "a")
    assert Keyring(b"k" * 32).decrypt(key, blob, "a") == b"x"


def test_a_wrapped_key_does_not_show_the_key() -> None:
    """Whoever holds a wrapped key and a blob has 2^256 keys to try; the stored bytes are none of them."""
    key = RING.new_data_key()
    blob = RING.encrypt(key, b"x", "a")
    for start in range(len(key.blob) - 31):
        guess = AESGCM(key.blob[start : start + 32])
        with pytest.raises(Exception):  # noqa: B017, PT011 - InvalidTag has no message
            guess.decrypt(blob[:12], blob[12:], b"a")
    assert "blob" not in repr(key)


def test_short_master_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        Keyring(b"short")


def test_ids_sort_by_time_and_tell_it() -> None:
    before = now() - timedelta(milliseconds=1)
    ids = [new_id("job") for _ in range(500)]
    assert len(set(ids)) == 500
    made = [created_at(each) for each in ids]
    assert all(moment is not None and before <= moment <= now() for moment in made)
    assert [i[:14] for i in ids] == sorted(i[:14] for i in ids)
    for other in ("", "job_", "job_x", "job_" + "U" * 26, "job_" + "Z" * 26, ids[0].lower(), ids[0] + "0"):
        assert created_at(other) is None


@given(st.integers(0, 45), st.sampled_from("0Zz"))
def test_a_mistyped_key_is_noticed(place: int, letter: str) -> None:
    secret = new_secret()
    assert well_formed(secret)
    typo = secret[:place] + letter + secret[place + 1 :]
    assert well_formed(typo) == (typo == secret)


def test_of_many_that_start_at_once_all_read_the_same_secret(tmp_path: Path) -> None:
    path, read = tmp_path / "folder" / "secret", []
    threads = [Thread(target=lambda n=n: read.append(read_or_create(path, lambda: f"secret {n}"))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 8
    assert len(set(read)) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["secret"]
