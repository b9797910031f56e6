"""A folder as the message broker of an installation without Redis: kombu's filesystem transport, made atomic."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

TRANSPORT = f"{__name__}:Transport"


class Channel(filesystem.Channel):
    """A message appears complete and is taken by one reader only.

    With kombu's own `_put` a reader may see a file that is still empty. Its `_get` moves files to the temporary folder
    of the system, which may be on another file system.
    """

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}"
        draft = folder / f"{name}.draft"
        draft.write_text(dumps(payload), encoding="utf-8")
        os.replace(draft, folder / f"{name}.{queue}.msg")

    def _get(self, queue: str) -> Any:  # type: ignore[override]
        for path in sorted(Path(self.data_folder_in).glob("*.msg")):
            if path.name.partition(".")[2] == f"{queue}.msg" and (payload := self._take(path)) is not None:
                return loads(payload)
        raise Empty

    def _take(self, message: Path) -> str | None:
        taken = Path(self.processed_folder) / message.name
        try:
            os.rename(message, taken)
        except FileNotFoundError:
            return None
        payload = taken.read_text(encoding="utf-8")
        taken.unlink()
        return payload


class Transport(filesystem.Transport):
    """Used as `broker_transport`."""

    Channel = Channel


def folder_options(folder: Path) -> dict[str, Any]:
    """Create the folders that the transport needs, readable by their owner only. Returns the transport's options."""
    folders = {name: folder / name for name in ("messages", "taken", "control")}
    for each in folders.values():
        each.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        "data_folder_in": str(folders["messages"]),
        "data_folder_out": str(folders["messages"]),
        "processed_folder": str(folders["taken"]),
        "control_folder": str(folders["control"]),
        "polling_interval": 0.2,
    }
