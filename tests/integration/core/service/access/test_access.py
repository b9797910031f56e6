"""Keys, files and registered models."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from core.service.access import keys
from core.service.access.bootstrap import bootstrap_embedded_key
from core.service.access.scopes import SCOPES
from core.service.context import Services
from core.service.crypto.keyring import WrappedKey
from core.service.crypto.master_keys import open_keyring
from core.service.db.tables.files import File
from core.service.errors import (
    Forbidden,
    InvalidRequest,
    ModelExists,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from core.service.files import delete_file, get_file, storing_file
from core.service.files.content import read_file_bytes
from core.service.kit.clock import now
from core.service.models import ModelCreate, get, list_models, register
from core.service.settings import Settings
from tests.support.service import open_services, png, settings_for, upload


@pytest.fixture
def services(database: dict[str, Any], tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path, model_roots=[tmp_path / "models"], **database)) as opened:
        yield opened


def make_key(services: Services, tenant: str = "acme", **changes: object) -> tuple[str, str]:
    with services.db.write() as s:
        key, secret = keys.create_key(s, tenant, "ci", ["jobs:read"], **changes)
        return key.id, secret


def who(services: Services, secret: str) -> keys.Principal:
    with services.db.read() as s:
        return keys.authenticate(s, secret, now())


def test_a_key_opens_what_its_scopes_say(services: Services) -> None:
    key_id, secret = make_key(services)
    principal = who(services, secret)
    assert (principal.tenant_id, principal.key_id) == ("acme", key_id)
    keys.require(principal, "jobs:read")
    with pytest.raises(Forbidden) as refused:
        keys.require(principal, "jobs:write")
    assert "jobs:write" in refused.value.detail


def test_keys_that_open_nothing(services: Services) -> None:
    key_id, secret = make_key(services)
    _, expiring = make_key(services, expires_at=now() + timedelta(hours=1))
    last = "A" if secret[-1] != "A" else "B"
    for wrong in (
        "",
        "lk_",
        "lk_" + "é" * 43,
        secret[:-1],
        secret[:-1] + last,
        secret + "A",
        secret.upper(),
        secret[3:],
    ):
        with pytest.raises(Unauthorized) as refused:
            who(services, wrong)
        assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
    with services.db.read() as s, pytest.raises(Unauthorized):
        keys.authenticate(s, expiring, now() + timedelta(hours=1, seconds=1))
    with services.db.write() as s:
        revoked = keys.revoke_key(s, "acme", key_id).revoked_at
        assert keys.revoke_key(s, "acme", key_id).revoked_at == revoked
        with pytest.raises(NotFound):
            keys.revoke_key(s, "rival", key_id)
    with pytest.raises(Unauthorized):
        who(services, secret)


def test_a_key_made_under_another_pepper_opens_nothing(services: Services, tmp_path: Path) -> None:
    _, secret = make_key(services)
    other = services.settings.model_copy(update={"master_key": None, "data_dir": tmp_path / "other"})
    stranger = Services.open(other.model_copy(update={"database_url": SecretStr(services.db.url)}))
    with stranger, pytest.raises(Unavailable):
        who(stranger, secret)


def test_use_is_noted_to_the_minute(services: Services) -> None:
    key_id, secret = make_key(services)
    first = who(services, secret)
    assert first.stale
    with services.db.write() as s:
        keys.record_use(s, first, now())
        keys.record_use(s, first, now() + timedelta(seconds=5))
    assert not who(services, secret).stale
    with services.db.read() as s:
        (row,) = keys.list_keys(s, "acme")
        assert row.id == key_id
        assert row.last_used_at is not None
        assert row.last_used_at < now()
        assert keys.authenticate(s, secret, now() + timedelta(seconds=61)).stale


def test_keys_that_cannot_be_made(services: Services) -> None:
    with services.db.write() as s:
        with pytest.raises(InvalidRequest):
            keys.create_key(s, "acme", "x", ["jobs:everything"])
        with pytest.raises(InvalidRequest):
            keys.create_key(s, "acme", "x", ["jobs:read"], now() - timedelta(seconds=1))


def test_the_first_key_is_made_once_and_readable_by_its_owner_only(services: Services) -> None:
    path = bootstrap_embedded_key(services)
    secret = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert who(services, secret).scopes == frozenset(SCOPES)
    assert bootstrap_embedded_key(services).read_text().strip() == secret
    with services.db.write() as s:
        (row,) = keys.list_keys(s, "default")
        keys.revoke_key(s, "default", row.id)
    bootstrap_embedded_key(services)
    with pytest.raises(Unauthorized):
        who(services, secret)


def test_the_master_key_is_made_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new")
    assert open_keyring(settings).key_id == open_keyring(settings).key_id
    assert stat.S_IMODE((tmp_path / "new" / "master.key").stat().st_mode) == 0o600


def encode(kind: str, size: tuple[int, int], **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (encode("JPEG", (31, 7)), "image/jpeg"),
        (encode("JPEG", (31, 7), progressive=True), "image/jpeg"),
        (encode("JPEG", (31, 7), exif=Image.Exif(), comment=b"\xff\xc0 looks like a frame"), "image/jpeg"),
        (encode("PNG", (31, 7)), "image/png"),
        (encode("WEBP", (31, 7)), "image/webp"),
        (encode("WEBP", (31, 7), lossless=True), "image/webp"),
        (encode("WEBP", (31, 7), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"), "image/webp"),
    ],
    ids=["jpeg", "progressive", "jpeg with comment", "png", "webp", "lossless webp", "extended webp"],
)
def test_pictures_are_known_by_their_bytes(services: Services, data: bytes, media_type: str) -> None:
    file = upload(services, data)
    assert (file.media_type, file.width, file.height, file.bytes) == (media_type, 31, 7, len(data))
    with services.db.read() as s:
        assert get_file(s, "acme", file.id) == file
        with pytest.raises(NotFound):
            get_file(s, "rival", file.id)
        wrapped = WrappedKey(s.get_one(File, file.id).wrapped_key)
    assert read_file_bytes(services, file.id, wrapped) == data
    with services.db.write() as s, pytest.raises(NotFound):
        delete_file(services, s, "rival", file.id)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00",
        b"\xff\xd8\xff\xda\x00\x08",
        b"\x89PNG\r\n\x1a\n",
        png()[:20],
        encode("GIF", (4, 4)),
        encode("BMP", (4, 4)),
        encode("TIFF", (4, 4)),
        b"RIFF\x04\0\0\0WEBPVP8 ",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
    ],
)
def test_other_files_are_refused(services: Services, data: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        upload(services, data)
    assert list(services.storage.list("")) == []


def test_a_stream_is_counted_as_it_comes(tmp_path: Path) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"\xff" * size

    stream = Endless()
    opened = open_services(settings_for(tmp_path, max_image_bytes=5_000_000))
    with opened as services, pytest.raises(TooLarge), storing_file(services, stream):
        pass
    assert stream.given < 8_000_000


def test_models_lie_where_the_administrator_says(services: Services, tmp_path: Path) -> None:
    inside, outside = tmp_path / "models" / "mine", tmp_path / "elsewhere"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
    (tmp_path / "models" / "link").symlink_to(outside)

    def add(**fields: object) -> object:
        with services.db.write() as s:
            return register(s, ModelCreate.model_validate({"family": "mllm", **fields}), services.settings)

    add(id="local", source=str(inside), retain_set=str(inside), defaults={"rank": 4})
    add(id="hub", source="llava-hf/llava-1.5-7b-hf", revision="abc")
    add(id="hub", source="llava-hf/llava-1.5-7b-hf", revision="abc")
    for source in (
        str(outside),
        str(tmp_path / "models" / "link"),
        f"{inside}/../../elsewhere",
        "../models",
        "owner/name/more",
        "https://example.com/model",
        str(tmp_path / "models" / "absent"),
        "/etc",
    ):
        with pytest.raises(InvalidRequest) as refused:
            add(id="bad", source=source)
        assert refused.value.errors[0].pointer == "/source"
    with pytest.raises(InvalidRequest):
        add(id="bad", source="owner/name", retain_set="owner/name")
    with pytest.raises(ModelExists):
        add(id="hub", source="llava-hf/other")
    add(id="with-references", source=str(inside), defaults={"oracle": [f"{inside}/../mine", "owner/name"]})
    with pytest.raises(InvalidRequest) as refused:
        add(id="bad", source=str(inside), defaults={"oracle": [str(inside), str(outside)]})
    assert refused.value.errors[0].pointer == "/defaults/oracle"
    with services.db.read() as s:
        assert [model.id for model in list_models(s)] == ["hub", "local", "tiny", "with-references"]
        assert get(s, "with-references").defaults == {"oracle": [str(inside), "owner/name"]}
        assert get(s, "local").defaults == {"rank": 4}
        with pytest.raises(NotFound):
            get(s, "bad")


def test_secrets_are_nowhere_in_the_database(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)) as services:
        _, secret = make_key(services)
    content = b"".join(path.read_bytes() for path in tmp_path.glob("lethe.db*"))
    assert b"ci" in content
    assert secret.encode() not in content
    assert secret[3:40].encode() not in content
