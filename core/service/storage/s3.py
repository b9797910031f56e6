"""Objects in a bucket of an S3 server. The SHA-256 is stored as metadata, since servers differ in what an ETag is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any, BinaryIO, TypeVar

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from core.service.settings import Settings
from core.service.storage.port import CHUNK, ObjectMissing, StoredObject, StoreError, check_key, verified

CONNECT_SECONDS, READ_SECONDS, RETRIES, POOL = 5, 60, 2, 16
PART_SIZE = 8 << 20
_SHA256 = "x-amz-meta-sha256"
_MISSING = {"NoSuchKey", "NoSuchObject", "NotFound", "NoSuchBucket"}
"""Errors that mean that there is no such object. The bucket is created with its first object."""
_EXISTS = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}

_T = TypeVar("_T")


class S3Store:
    """The minio client with timeouts. Creates the bucket on the first `ping` or `put`."""

    def __init__(self, bucket: str, settings: Settings, *, prefix: str = "") -> None:
        """`prefix`: stands before every key in the bucket, so that several installations may share it."""
        self._bucket, self._settings = bucket, settings
        self._prefix = f"{check_key(prefix)}/" if prefix else ""
        self._client = _client(settings, settings.s3_endpoint)
        public = settings.s3_public_endpoint
        self._public = _client(settings, public) if public else None
        self._bucket_exists = False

    def put(self, key: str, data: BinaryIO | bytes, *, size: int | None = None) -> StoredObject:
        """See `ObjectStore`. A stream is read twice, since the digest is sent before the content."""
        source = BytesIO(data) if isinstance(data, bytes) else data
        start = source.tell()
        digest, count = _digest(source)
        if size is not None and count != size:
            raise StoreError("the stream was not as long as it should have been")
        source.seek(start)
        self._ensure_bucket()
        metadata: dict[str, Any] = {"sha256": digest}
        name, part = self._name(key), PART_SIZE
        _call(lambda: self._client.put_object(self._bucket, name, source, count, metadata=metadata, part_size=part))
        return StoredObject(key, count, digest)

    def open(
        self, key: str, *, offset: int = 0, length: int | None = None, sha256: str | None = None
    ) -> Iterator[bytes]:
        """See `ObjectStore`."""
        if length == 0:
            return iter(())
        name = self._name(key)
        response = _call(lambda: self._client.get_object(self._bucket, name, offset, length or 0))
        if offset == 0 and length is None:
            return verified(_chunks(response), sha256 or response.headers.get(_SHA256, ""))
        if response.status == 206:
            return _chunks(response)
        # Some servers answer a range with status 200 and a Content-Range, others with the whole object.
        return _cut(_chunks(response), 0 if "content-range" in response.headers else offset, length)

    def read(self, key: str) -> bytes:
        """See `ObjectStore`."""
        return b"".join(self.open(key))

    def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        name = self._name(key)
        try:
            _call(lambda: self._client.remove_object(self._bucket, name))
        except ObjectMissing:
            return

    def list(self, prefix: str) -> Iterator[str]:
        """See `ObjectStore`."""
        try:
            whole = f"{self._prefix}{prefix}"
            objects = _call(lambda: [*self._client.list_objects(self._bucket, whole, recursive=True)])
        except ObjectMissing:
            return
        yield from (item.object_name.removeprefix(self._prefix) for item in objects if item.object_name)

    def presign(self, key: str, *, filename: str, ttl: int) -> str | None:
        """See `ObjectStore`. Signed for the public endpoint, since a signature covers the host."""
        if self._public is None:
            return None
        name, public, until = self._name(key), self._public, timedelta(seconds=ttl)
        headers: dict[str, Any] = {"response-content-disposition": f'attachment; filename="{filename}"'}
        url: str = _call(lambda: public.presigned_get_object(self._bucket, name, until, response_headers=headers))
        return url

    def tidy(self) -> int:
        """Does nothing: a lifecycle rule of the bucket deletes incomplete multipart uploads."""
        return 0

    def ping(self) -> None:
        """See `ObjectStore`."""
        self._bucket_exists = False
        self._ensure_bucket()

    def _name(self, key: str) -> str:
        return f"{self._prefix}{check_key(key)}"

    def _ensure_bucket(self) -> None:
        if self._bucket_exists:
            return
        if not _call(lambda: self._client.bucket_exists(self._bucket)):
            _call(lambda: self._client.make_bucket(self._bucket, self._settings.s3_region), ignore=_EXISTS)
        self._bucket_exists = True


def _client(settings: Settings, endpoint: str) -> Minio:
    access, secret = settings.s3_access_key, settings.s3_secret_key
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    return Minio(
        endpoint,
        access_key=access.get_secret_value() if access else None,
        secret_key=secret.get_secret_value() if secret else None,
        secure=settings.s3_secure,
        # Without a region the client asks the server for it, which not all servers can answer.
        region=settings.s3_region,
        http_client=urllib3.PoolManager(
            timeout=timeout, retries=urllib3.Retry(RETRIES, backoff_factor=0.2), maxsize=POOL
        ),
    )


def _call(request: Callable[[], _T], ignore: Container[str] = ()) -> Any:
    """Call the client and turn its errors into `StoreError`s."""
    try:
        return request()
    except S3Error as error:
        if error.code in ignore:
            return None
        if error.code in _MISSING:
            raise ObjectMissing("there is no such object") from None
        raise StoreError(f"the store refused: {error.code}") from None
    except MinioException as error:
        if "status code: 404" in str(error):
            raise ObjectMissing("there is no such object") from None
        raise StoreError(f"the store answered strangely: {type(error).__name__}") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreError(f"the store does not answer: {type(error).__name__}") from None


def _chunks(response: Any) -> Iterator[bytes]:
    try:
        while chunk := _call(lambda: response.read(CHUNK)):
            yield chunk
    finally:
        response.close()
        response.release_conn()


def _cut(chunks: Iterator[bytes], offset: int, length: int | None) -> Iterator[bytes]:
    """`length` bytes from `offset`, of a stream that the server should have cut."""
    skip, left = offset, length
    for chunk in chunks:
        piece = chunk[skip:] if left is None else chunk[skip : skip + left]
        skip = max(0, skip - len(chunk))
        left = None if left is None else left - len(piece)
        if piece:
            yield piece
        if left == 0:
            return


def _digest(source: BinaryIO) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        count += len(chunk)
    return digest.hexdigest(), count
