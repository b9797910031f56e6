"""What the folders are that a model is registered with. Pictures are looked for, not decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.info import FamilyInfo, RetainCount
from core.unlearning.families.shared.safe_folder import require_safe

Status = Literal["ok", "none", "unknown", "invalid"]


@dataclass(frozen=True)
class Finding:
    """One thing about a model that jobs depend on."""

    name: Literal["source", "retain_set", "oracle", "defaults"]
    status: Status
    detail: str


def source_finding(source: str) -> Finding:
    """Whether the folder with the model is safe to load."""
    folder = Path(source)
    if not folder.is_dir():
        return Finding("source", "unknown", _unseen(folder, "a worker loads nothing but safetensors from it."))
    try:
        require_safe(folder)
    except ModelLoadError as error:
        return Finding("source", "invalid", _sentence(error.detail))
    size = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    return Finding("source", "ok", f"The folder is safe to load: {size / 1e9:.2f} GB of safetensors, and no code.")


def oracle_finding(registered: object) -> Finding:
    """Whether there is a model to compare with. `registered`: a folder or a hub id, several, or None."""
    sources = [str(one) for one in (registered if isinstance(registered, list) else [registered]) if one]
    if not sources:
        return Finding("oracle", "none", "No model that never learned the subjects is registered to compare with.")
    found = [source_finding(source) for source in sources]
    bad = next((one for one in found if one.status == "invalid"), None)
    unknown = next((one for one in found if one.status == "unknown"), None)
    if worst := bad or unknown:
        return Finding("oracle", worst.status, worst.detail)
    return Finding("oracle", "ok", "Reports compare with a model that never learned the subjects.")


def retain_set_finding(folder: Path | None, family: FamilyInfo) -> tuple[RetainCount | None, Finding]:
    """Whether the retain set can be read, and what it holds; None where that is not known."""
    if folder is None:
        detail = "None is registered: what must stay is known only as far as the model itself says it."
        return RetainCount((), 0), Finding("retain_set", "none", detail)
    if not folder.is_dir():
        return None, Finding("retain_set", "unknown", _unseen(folder, "nothing of it is counted here."))
    try:
        kept = family.retain_set.count(folder)
    except ModelLoadError as error:
        return None, Finding("retain_set", "invalid", _sentence(error.detail))
    if kept.pictures and not family.uses_pictures:
        detail = f"It has pictures, which models of family {family.name} do not see."
        return None, Finding("retain_set", "invalid", detail)
    rows = sum(each.count for each in kept.rows)
    pictures = f" and {kept.pictures} pictures" if kept.pictures else ""
    return kept, Finding("retain_set", "ok", f"It can be read: {rows} rows about {kept.subjects} subjects{pictures}.")


def _unseen(folder: Path, then: str) -> str:
    what = "This machine does not see the folder" if folder.is_absolute() else "A hub id is not looked at"
    return f"{what}; {then}"


def _sentence(detail: str) -> str:
    return f"{detail[:1].upper()}{detail[1:]}."
