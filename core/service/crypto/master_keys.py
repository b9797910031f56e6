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
    return Keyring(*file.read(may_create=settings.master_key_file is None), news=file.news)


def key_file(settings: Settings) -> Path:
    """The file that holds the master keys where no setting does."""
    return settings.master_key_file or settings.data_dir / "master.key"


def new_master_key() -> str:
    """A new key; 384 bits of chance."""
    return secrets.token_urlsafe(48)


class KeyFile:
    """A file with a key on each line, and keys from elsewhere behind them."""

    def __init__(self, path: Path, more: Masters) -> None:
        self._path, self._more = path, list(more)
        self._seen: tuple[int, int, int] | None = None

    def read(self, *, may_create: bool = False) -> Masters:
        """The keys. A file that is not there is made, with one, if it may be."""
        if may_create:
            read_or_create(self._path, new_master_key)
        self._seen = self._state()
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return [*(line.strip().encode() for line in lines if line.strip()), *self._more]

    def news(self) -> Masters | None:
        """The keys, if the file has changed since it was read."""
        return None if self._state() == self._seen else self.read()

    def _state(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
