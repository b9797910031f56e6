"""The frozen model's answers, kept in a folder while a retain set is prepared, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.unlearning.families.language.model.answer_cache import AnswerCache
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.preparation.sources import write_whole
from core.unlearning.progress import SILENT

_EVERY = 20.0
"""Seconds between two savings."""
_SAMPLE = 16
"""Values of each tensor by which a model is told from others."""


class FolderCheckpoints:
    """Pieces as files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved_at = time.monotonic()

    def load(self, name: str) -> bytes | None:
        """The file of this name, where there is one."""
        path = self._folder / name
        return path.read_bytes() if path.is_file() else None

    def save(self, name: str, data: bytes) -> None:
        """Write the file as a whole."""
        write_whole(self._folder / name, data)
        self._saved_at = time.monotonic()

    def due(self) -> bool:
        """Whether the last saving is some time ago."""
        return time.monotonic() - self._saved_at >= _EVERY


@contextmanager
def keeping_answers(lm: LanguageModel, folder: Path) -> Iterator[None]:
    """Inside, nothing is asked again that an earlier run has asked this model. Answers are saved, whatever ends it."""
    lm.answer_cache = cache = AnswerCache(FolderCheckpoints(folder), SILENT, f"answers-{fingerprint(lm)}")
    try:
        yield
    finally:
        lm.answer_cache = None
        cache.save()


def fingerprint(lm: LanguageModel) -> str:
    """The same for the same weights, by the first values of each tensor; another for weights trained further."""
    digest = hashlib.sha256()
    for name, weights in lm.model.named_parameters():
        values = weights.detach().flatten()[:_SAMPLE].float().tolist()
        digest.update(f"{name} {tuple(weights.shape)} {values}\n".encode())
    return digest.hexdigest()[:16]
