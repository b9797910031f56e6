"""Keys change, and nothing is lost: master keys, the keys of digests, signing keys, API keys."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, update

from core.service import audit, rotation, signing_keys
from core.service.access import keys
from core.service.context import Services
from core.service.crypto.keyring import DecryptionError, Keyring, WrappedKey
from core.service.crypto.master_keys import KeyFile, key_file, new_master_key, open_keyring
from core.service.crypto.secret_files import replace
from core.service.db.engine import keyring_of
from core.service.db.tables.files import File
from core.service.db.tables.jobs import Job
from core.service.db.tables.keys import SigningKey
from core.service.errors import KeyNotActive, Unauthorized, Unavailable
from core.service.jobs import lease
from core.service.jobs.inputs import load_input
from core.service.kit.clock import now
from core.service.settings import Settings
from core.unlearning.patches import signing
from core.unlearning.patches.signing import Signer
from tests.support.service import PRINCIPAL, must_take, open_services, png, settings_for, submit, upload

OLD, NEW = SecretStr("o" * 40), SecretStr("n" * 40)


@pytest.fixture
def settings(database: dict[str, Any], tmp_path: Path) -> Settings:
    return settings_for(tmp_path, master_key=None, **database)


def admin(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LETHE_")}
    for name in ("database_url", "master_key", "other_master_key"):
        value = getattr(settings, name)
        if value is not None:
            environment[f"LETHE_{name.upper()}"] = value if isinstance(value, str) else value.get_secret_value()
    command = [sys.executable, "-m", "api.admin", "--data-dir", str(settings.data_dir), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def an_api_key(services: Services) -> str:
    with services.db.write() as s:
        return keys.create_key(s, "acme", "ci", ["jobs:read"])[1]


def who(services: Services, secret: str) -> str:
    with services.db.read() as s:
        return keys.authenticate(s, secret, now()).tenant_id


def read(services: Services, job_id: str) -> Any:
    """What a worker reads of a job, which goes back into the queue."""
    claim = must_take(services, job_id)
    given = load_input(services, claim)
    with services.db.write() as s:
        lease.release(s, claim)
    return given.request, given.images


def wrapped(services: Services, job_id: str) -> bytes:
    with services.db.read() as s:
        found = s.get_one(Job, job_id).wrapped_key
    assert found is not None
    return found


def test_a_new_master_key_while_the_service_runs(settings: Settings) -> None:
    with open_services(settings) as services:
        secret, job = an_api_key(services), submit(services, [png()]).id
        before, old = read(services, job), services.keyring.key_id
        blobs = {key: services.storage.read(key) for key in services.storage.list("")}
        done = admin(settings, "rotate-master-key")
        assert (done.returncode, done.stderr) == (0, "")
        assert blobs == {key: services.storage.read(key) for key in services.storage.list("")}
        assert wrapped(services, job)[:8] != old
        assert read(services, job) == before
        assert who(services, secret) == "acme"
        later = submit(services, [png(8)]).id
        assert wrapped(services, later)[:8] == wrapped(services, job)[:8] == services.keyring.key_id
        assert rotation.count_outdated(services) == 0
        refused = admin(settings, "rotate-master-key", "--retire")
        assert (refused.returncode, "wait a minute" in refused.stderr) == (1, True)
        path = key_file(settings)
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 120))
        assert admin(settings, "rotate-master-key", "--retire").returncode == 0
        assert len(path.read_text().split()) == 1
        assert read(services, job) == before
        assert audit.verify(services).ok
    with Services.open(settings) as again:
        assert (read(again, job), who(again, secret)) == (before, "acme")
        assert audit.verify(again).ok
        with again.db.read() as s:
            told = [entry.action for entry in audit.list_entries(s, audit.INSTALLATION).items]
    assert told == ["master_key.retired", "master_key.rotated"]


def test_a_rotation_that_was_stopped_goes_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BATCH", 1)
    with open_services(settings) as services:
        secret, jobs = an_api_key(services), [submit(services, [png(shade=n)]).id for n in range(4)]
        upload(services, png())
        before = [read(services, job) for job in jobs]
        path = key_file(settings)
        replace(path, f"{new_master_key()}\n{path.read_text().strip()}")
        stored, store = [], rotation._store

        def break_down(*arguments: Any) -> int:
            if len(stored) == 3:
                raise KeyboardInterrupt
            stored.append(arguments)
            return store(*arguments)

        monkeypatch.setattr(rotation, "_store", break_down)
        with pytest.raises(KeyboardInterrupt):
            rotation.rewrap(services)
        monkeypatch.setattr(rotation, "_store", store)
        assert rotation.count_outdated(services) > 0
        assert [read(services, job) for job in jobs] == before
        assert rotation.rewrap(services).unreadable == 0
        assert rotation.count_outdated(services) == 0
        assert rotation.rewrap(services) == rotation.Rewrapped(0, 0)
    replace(path, path.read_text().split()[0])
    with Services.open(settings) as services:
        assert [read(services, job) for job in jobs] == before
        assert who(services, secret) == "acme"


def test_a_key_destroyed_meanwhile_does_not_come_back(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_services(settings) as services:
        job = submit(services).id
        path = key_file(settings)
        replace(path, f"{new_master_key()}\n{path.read_text().strip()}")
        again = rotation._rewrapped

        def destroy_first(*arguments: Any) -> bytes | None:
            with services.db.write() as s:
                s.execute(update(Job).values(wrapped_key=None))
            return again(*arguments)

        monkeypatch.setattr(rotation, "_rewrapped", destroy_first)
        rotation.rewrap(services)
        with services.db.read() as s:
            assert s.get_one(Job, job).wrapped_key is None


def test_a_master_key_that_is_a_setting(settings: Settings) -> None:
    first = settings.model_copy(update={"master_key": OLD})
    with open_services(first) as services:
        secret, job = an_api_key(services), submit(services, [png()]).id
        before = read(services, job)
    assert "set LETHE_OTHER_MASTER_KEY first" in admin(first, "rotate-master-key").stderr
    both = settings.model_copy(update={"master_key": NEW, "other_master_key": OLD})
    with Services.open(first) as late, Services.open(first.model_copy(update={"other_master_key": NEW})) as ready:
        done = admin(both, "rotate-master-key")
        assert (done.returncode, done.stderr) == (0, "")
        assert "remove LETHE_OTHER_MASTER_KEY" in done.stdout
        assert read(ready, job) == before
        with late.db.read() as s, pytest.raises(Unavailable, match="master key"):
            keyring_of(s)
    last = settings.model_copy(update={"master_key": NEW})
    with Services.open(last) as services:
        assert (read(services, job), who(services, secret)) == (before, "acme")
    with pytest.raises(DecryptionError):
        Keyring(OLD.get_secret_value().encode()).rewrap(WrappedKey(wrapped(services, job)))


def test_a_wrong_master_key_is_named(settings: Settings) -> None:
    with open_services(settings.model_copy(update={"master_key": OLD})) as services:
        an_api_key(services)
    told = admin(settings.model_copy(update={"master_key": NEW}), "audit", "verify")
    assert told.returncode == 1
    assert told.stderr == "lethe: The master key is not the one that this database was written under.\n"
    assert admin(settings.model_copy(update={"master_key": SecretStr("short")}), "audit", "verify").returncode == 1


def test_the_key_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("a" * 32 + "\n\n  " + "b" * 32 + "\n")
    file = KeyFile(path, [b"c" * 32])
    assert file.read() == [b"a" * 32, b"b" * 32, b"c" * 32]
    assert file.changed() is None
    replace(path, "d" * 32)
    assert file.changed() == [b"d" * 32, b"c" * 32]
    with pytest.raises(FileNotFoundError):
        open_keyring(Settings(data_dir=tmp_path, master_key_file=tmp_path / "absent"))


def test_a_new_signing_key(settings: Settings) -> None:
    path = settings.resolved_signing_key_file
    with open_services(settings) as services:
        old = Signer.load_or_create(path)
        document = old.sign_document({"job": "job_1"})
        done = admin(settings, "rotate-signing-key")
        assert (done.returncode, done.stderr) == (0, "")
        new = Signer.load_or_create(path)
        assert new.key_id != old.key_id
        assert path.stat().st_mode & 0o777 == 0o600
        slipped_in = {"key_id": "f" * 16, "public_key": b"x" * 32, "added_at": now(), "mac": b"y" * 32}
        with services.db.write() as s:
            s.execute(insert(SigningKey).values(slipped_in))
        with services.db.read() as s:
            known = signing_keys.published(s)
        assert set(known) == {new.key_id, old.key_id}
        published = signing.read_jwks(signing.jwks(known.values()))
        for signed in (document, new.sign_document({"job": "job_2"})):
            assert signing.verify_document(signed, published[signed["signed_by"]["key_id"]])
        assert audit.verify(services).ok


def test_a_withdrawn_signing_key_verifies_nothing(settings: Settings) -> None:
    path = settings.resolved_signing_key_file
    with open_services(settings) as services:
        old = Signer.load_or_create(path)
        admin(settings, "rotate-signing-key")
        new = Signer.load_or_create(path)
        refused = admin(settings, "withdraw-signing-key", new.key_id)
        assert (refused.returncode, "signs at present" in refused.stderr) == (1, True)
        assert admin(settings, "withdraw-signing-key", "0" * 16).returncode == 1
        for _ in range(2):
            assert admin(settings, "withdraw-signing-key", old.key_id).returncode == 0
        with services.db.read() as s:
            assert set(signing_keys.published(s)) == {new.key_id}
            assert set(signing_keys.withdrawn(s)) == {old.key_id}
        # Taken back behind the service's back, it is nobody's.
        with services.db.write() as s:
            s.execute(update(SigningKey).where(SigningKey.key_id == old.key_id).values(withdrawn_at=None))
        with services.db.read() as s:
            assert set(signing_keys.published(s)) == {new.key_id}
        assert audit.verify(services).ok


def test_an_api_key_is_replaced_with_an_overlap(settings: Settings) -> None:
    with open_services(settings) as services:
        old = an_api_key(services)
        with services.db.write() as s:
            (row,) = keys.list_keys(s, "acme")
            row.expires_at = row.created_at + timedelta(days=30)
        with services.db.write() as s:
            new_row, new = keys.rotate_key(s, "acme", row.id, timedelta(hours=1))
        assert new_row.expires_at is not None
        assert timedelta(days=29) < new_row.expires_at - now() <= timedelta(days=30)
        assert who(services, old) == who(services, new) == "acme"
        with services.db.read() as s, pytest.raises(Unauthorized):
            keys.authenticate(s, old, now() + timedelta(hours=1, seconds=1))
        with services.db.write() as s:
            keys.rotate_key(s, "acme", row.id, timedelta(days=20))
            assert keys.get_key(s, "acme", row.id).expires_at < now() + timedelta(hours=1)
            keys.revoke_key(s, "acme", row.id)
            with pytest.raises(KeyNotActive):
                keys.rotate_key(s, "acme", row.id, timedelta(hours=1))


def test_the_files_of_other_tenants_are_wrapped_again_too(settings: Settings) -> None:
    with open_services(settings) as services:
        upload(services, png(), "rival")
        assert submit(services, by=PRINCIPAL)
        admin(settings, "rotate-master-key")
        with services.db.read() as s:
            (blob,) = s.execute(select(File.wrapped_key)).scalars()
        assert blob[:8] == open_keyring(settings).key_id
