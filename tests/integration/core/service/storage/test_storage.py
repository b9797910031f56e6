"""One contract for every object store."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from core.service.storage import open_store
from core.service.storage.erase import erase_prefix
from core.service.storage.port import CHUNK, ObjectCorrupt, ObjectMissing, ObjectStore, StoreError
from core.service.storage.s3 import PART_SIZE
from tests.support.paths import ROOT
from tests.support.service import settings_for

BIG = os.urandom(CHUNK * 9 + 17)


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    changes = request.getfixturevalue("s3").settings() if request.param == "s3" else {}
    return open_store(settings_for(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"x", BIG], ids=["empty", "small", "many chunks"])
def test_what_is_put_comes_back(store: ObjectStore, content: bytes) -> None:
    for data, size in ((content, None), (io.BytesIO(content), None), (io.BytesIO(content), len(content))):
        put = store.put("a/b/c.bin", data, size=size)
        assert (put.key, put.size, put.sha256) == ("a/b/c.bin", len(content), hashlib.sha256(content).hexdigest())
        assert store.read("a/b/c.bin") == content
        assert b"".join(store.open("a/b/c.bin")) == content


@pytest.mark.parametrize(("offset", "length"), [(0, 10), (5, 1), (7, None), (CHUNK, CHUNK), (len(BIG) - 3, 3), (5, 0)])
def test_parts(store: ObjectStore, offset: int, length: int | None) -> None:
    store.put("big", BIG)
    end = len(BIG) if length is None else offset + length
    assert b"".join(store.open("big", offset=offset, length=length)) == BIG[offset:end]


def test_what_is_not_there(store: ObjectStore) -> None:
    store.ping()
    for read in (store.read, store.open):
        with pytest.raises(ObjectMissing):
            read("no/such")
    store.delete("no/such")
    assert list(store.list("no")) == []


def test_a_stream_of_the_wrong_length_leaves_nothing(store: ObjectStore) -> None:
    with pytest.raises(StoreError):
        store.put("short", io.BytesIO(b"abc"), size=4)
    with pytest.raises(ObjectMissing):
        store.read("short")


def test_lists_are_by_prefix_and_in_order(store: ObjectStore) -> None:
    keys = ["jobs/a/1", "jobs/a/2/x", "jobs/ab", "jobs/b", "other"]
    for key in reversed(keys):
        store.put(key, b"x")
    assert list(store.list("")) == keys
    assert list(store.list("jobs/a")) == keys[:3]
    assert list(store.list("jobs/a/")) == keys[:2]
    assert erase_prefix(store, "jobs/a/")
    assert list(store.list("")) == keys[2:]


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/..", ".a", "a b", "a\x00", "a\\b", "é"])
def test_keys_that_could_leave_their_place(store: ObjectStore, key: str) -> None:
    for act in (lambda: store.put(key, b"x"), lambda: store.read(key), lambda: store.delete(key)):
        with pytest.raises(ValueError, match="storage key"):
            act()


def test_what_is_not_as_expected_never_comes_whole(store: ObjectStore) -> None:
    put = store.put("big", BIG)
    assert b"".join(store.open("big", sha256=put.sha256)) == BIG
    came = bytearray()
    with pytest.raises(ObjectCorrupt):  # noqa: PT012 - what comes before it counts
        for chunk in store.open("big", sha256="0" * 64):
            came += chunk
    assert len(came) < len(BIG)
    assert BIG.startswith(came)


def test_a_store_keeps_no_copy_of_a_stream_in_memory(store: ObjectStore) -> None:
    class Counting(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.largest = max(self.largest, len(found))
            return found

    source = Counting(BIG * 3)
    store.put("big", source)
    assert source.largest <= PART_SIZE
    assert max(map(len, store.open("big"))) <= CHUNK


def test_writers_at_once_leave_one_whole_object(store: ObjectStore) -> None:
    contents = [bytes([n]) * 300_000 for n in range(4)]
    for _ in range(20):
        threads = [Thread(target=store.put, args=("folder/same", content)) for content in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert store.read("folder/same") in contents


def test_putting_beside_deleting(store: ObjectStore) -> None:
    def churn(name: str) -> None:
        for _ in range(30):
            store.put(f"folder/{name}", b"x")
            store.delete(f"folder/{name}")

    threads = [Thread(target=churn, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    store.put("folder/a", b"last")
    assert list(store.list("folder/")) == ["folder/a"]


def test_a_changed_byte_on_disk_is_noticed(tmp_path: Path) -> None:
    store = open_store(settings_for(tmp_path))
    store.put("a/b", b"content")
    path = tmp_path / "store" / "a" / "b"
    stored = path.read_bytes()
    for changed in (stored.replace(b"content", b"Content"), stored.replace(b"lethe", b"Lethe"), stored[:50], b""):
        path.write_bytes(changed)
        with pytest.raises(ObjectCorrupt):
            store.read("a/b")


def test_a_stream_cut_short_leaves_what_was_there(store: ObjectStore) -> None:
    store.put("a/b", b"whole")
    with pytest.raises(StoreError):
        store.put("a/b", io.BytesIO(b"sho"), size=5)
    assert store.read("a/b") == b"whole"


def test_a_disk_without_room_says_so(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(28, "No space left on device")

    store = open_store(settings_for(tmp_path))
    with pytest.raises(StoreError, match="No space"):
        store.put("a/b", Full())
    assert list(store.list("")) == []
    assert not any(path.is_file() for path in (tmp_path / "store").rglob("*"))


KILLED = """
import io, os, sys
from pathlib import Path
from core.service.storage.disk import DiskStore

class Source(io.BytesIO):
    def read(self, size=-1):
        found = super().read(size)
        if not found:
            print("written", flush=True)
            sys.stdin.read()
        return found

DiskStore(Path(sys.argv[1])).put("jobs/a/attempts/1/patch.zip", Source(b"half"))
"""


def test_what_a_killed_writer_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    command = [sys.executable, "-c", KILLED, str(folder)]
    store = open_store(settings_for(tmp_path))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        assert store.tidy() == 0
        writer.kill()
    assert any(path.is_file() for path in folder.rglob("*"))
    assert list(store.list("")) == []
    assert store.tidy() == 1
    assert not any(path.is_file() for path in folder.rglob("*"))


def test_what_cannot_be_deleted_is_said_so(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    store, folder = open_store(settings), Path(settings.resolved_storage_url.removeprefix("file://"))
    (folder / "jobs" / "in_the_way").mkdir(parents=True)
    with pytest.raises(StoreError, match="could not be deleted"):
        store.delete("jobs/in_the_way")


def test_a_store_that_is_away(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path,
        storage_url="s3://bucket",
        s3_endpoint="127.0.0.1:9",
        s3_access_key=SecretStr("a"),
        s3_secret_key=SecretStr("b"),
    )
    store = open_store(settings)
    with pytest.raises(StoreError, match="does not answer"):
        store.ping()
    assert not erase_prefix(store, "jobs/x/")


def test_urls_for_the_public_are_signed_for_the_public_host(tmp_path: Path) -> None:
    keys = {"s3_access_key": SecretStr("a"), "s3_secret_key": SecretStr("b")}
    inside = settings_for(tmp_path, storage_url="s3://bucket", s3_endpoint="s3:9000", **keys)
    assert open_store(inside).presign("a/b", filename="b.zip", ttl=60) is None
    public = inside.model_copy(update={"s3_public_endpoint": "files.example.com"})
    url = open_store(public).presign("a/b", filename="b.zip", ttl=60)
    assert url is not None
    assert url.startswith("http://files.example.com/bucket/a/b?")
    assert "X-Amz-Expires=60" in url
    assert "b.zip" in url
