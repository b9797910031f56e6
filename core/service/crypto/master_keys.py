"""Where the master keys come from: a setting, or a file that may change while the service runs."""

from __future__ import annotations

import secrets
from pathlib import Path

from core.service.crypto.keyring import Keyring, Masters
from core.service.crypto.secret_files import read_or_create
from core.service.settings import Settings


def open_keyring(settings: Settings) -> Keyring:
    """The keyring of the settings. Raises `ValueError` for a key that is too short, `OSError` for a missing file."""
    other = settings.other_master_key
    more = [] if other is None else [other.get_secret_value().encode()]
    if settings.master_key is not None:
        return Keyring(settings.master_key.get_secret_value().encode(), *more)
    file = KeyFile(key_file(settings), more)
    return Keyring(*file.read(may_create=settings.master_key_file is None), reload=file.changed)


def key_file(settings: Settings) -> Path:
    """The file that holds the master keys where no setting does."""
    return settings.master_key_file or settings.data_dir / "master.key"


def new_master_key() -> str:
    """A new key with 384 random bits."""
    return secrets.token_urlsafe(48)


class KeyFile:
    """A file with one key on each line. `more`: keys from elsewhere, appended to those of the file."""

    def __init__(self, path: Path, more: Masters) -> None:
        self._path, self._more = path, list(more)
        self._last_read: tuple[int, int, int] | None = None

    def read(self, *, may_create: bool = False) -> Masters:
        """The keys. With `may_create` a missing file is created with one new key."""
        if may_create:
            read_or_create(self._path, new_master_key)
        self._last_read = self._version()
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return [*(line.strip().encode() for line in lines if line.strip()), *self._more]

    def changed(self) -> Masters | None:
        """The keys, if the file has changed since it was last read; else None."""
        return None if self._version() == self._last_read else self.read()

    def _version(self) -> tuple[int, int, int]:
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
