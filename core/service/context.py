"""What every process of the service needs: settings, database, object store, keys and the doorbell."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from core.service.crypto.keyring import Keyring
from core.service.crypto.master_keys import open_keyring
from core.service.db.engine import Database
from core.service.settings import Settings
from core.service.storage import open_store
from core.service.storage.port import ObjectStore


class Services:
    """Built once in each process, after any fork. As a context manager it closes its connections.

    `storage` does not encrypt: inputs and files are encrypted before they are put there. `doorbell` is called with a
    job's id after the commit of a `db.write()` in which the job was queued.
    """

    def __init__(self, settings: Settings, db: Database, storage: ObjectStore, keyring: Keyring) -> None:
        self.settings, self.db, self.storage, self.keyring = settings, db, storage, keyring
        self.next_orphan_scan = 0.0

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Connects lazily: neither the database nor the store need to be up yet."""
        keyring = open_keyring(settings)
        db = Database(settings.resolved_database_url, keyring=keyring, max_running_jobs=settings.max_running_jobs)
        return cls(settings, db, open_store(settings), keyring)

    @property
    def doorbell(self) -> Callable[[str], None]:
        """Tells a worker that a job is queued. Set by API and worker; does nothing until then."""
        return self.db.doorbell

    @doorbell.setter
    def doorbell(self, ring: Callable[[str], None]) -> None:
        self.db.doorbell = ring

    def close(self) -> None:
        """Close every connection."""
        self.db.dispose()

    def __enter__(self) -> Services:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
