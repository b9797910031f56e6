"""Select the registered retrained model that was not trained on the data of a request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.info import ORACLE
from core.unlearning.types import JobData, Modality, ModelSpec

WITHHELD = "withheld.json"


class Withheld(BaseModel):
    """What a reference's training left out: of which registered rows, and of these which modalities."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    modalities: frozenset[Modality]
    rows: frozenset[str]


def reference_of(spec: ModelSpec, data: JobData, modalities: Sequence[Modality]) -> str | None:
    """The registered reference that left out all that is forgotten, and as little else as possible.

    Raises `ModelLoadError` for one that does not say what it left out.
    """
    registered = spec.defaults.get(ORACLE) or []
    sources = [str(each) for each in registered] if isinstance(registered, list) else [str(registered)]
    withheld = {source: _read(source) for source in sources}
    fitting = [source for source in sources if _covers(withheld[source], data.forgotten, modalities)]
    return min(fitting, key=lambda source: _extent(withheld[source]), default=None)


def _covers(left_out: Withheld, rows: Sequence[str], modalities: Sequence[Modality]) -> bool:
    return bool(rows) and left_out.rows.issuperset(rows) and left_out.modalities.issuperset(modalities)


def _extent(left_out: Withheld) -> tuple[int, int]:
    return len(left_out.modalities), len(left_out.rows)


def _read(source: str) -> Withheld:
    try:
        return Withheld.model_validate(json.loads((Path(source) / WITHHELD).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        raise ModelLoadError(f"a reference model's folder has no valid {WITHHELD}", code="invalid_reference") from None
