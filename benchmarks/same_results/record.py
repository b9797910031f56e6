"""What is recorded of a job: digests of its patch's files, and the keys and numbers of its report."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
from torch import nn

Record = dict[str, Any]
_deserialize: Any = safetensors.deserialize  # it carries no types
_DIFFUSERS_FILES = ("pytorch_lora_weights.safetensors", "kohya_lora.safetensors")
_VOLATILE = {"timings", "created_at", "signature", "versions", "issued_at", "seconds", "method_seconds", "source"}
"""Keys whose values differ between two runs of the same code."""


def patch_record(workdir: Path) -> Record:
    """Digests of the files under `adapter/` and `recipe/` in the job's `patch.zip`, and its report's numbers."""
    with zipfile.ZipFile(workdir / "patch.zip") as patch:
        names = [name for name in patch.namelist() if name.startswith(("adapter/", "recipe/"))]
        files = {name: _digest(name, patch.read(name)) for name in sorted(names)}
    report = json.loads((workdir / "report.json").read_text(encoding="utf-8"))
    return {"files": files, "report": stable_values(report)}


def folder_digests(folder: Path) -> dict[str, str]:
    """The digest of each file of an adapter's folder, by file name."""
    return {path.name: _digest(path.name, path.read_bytes()) for path in sorted(folder.iterdir())}


def weights_digest(module: nn.Module) -> str:
    """The SHA-256 of all weights, by name."""
    weights = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        weights.update(key.encode() + value.contiguous().numpy().tobytes())
    return weights.hexdigest()


def stable_values(value: Any) -> Any:
    """The JSON value without volatile keys; strings only where they are short and not paths, else an ellipsis."""
    if isinstance(value, Mapping):
        return {str(key): stable_values(item) for key, item in value.items() if key not in _VOLATILE}
    if isinstance(value, list | tuple):
        return [stable_values(item) for item in value]
    if isinstance(value, str):
        return value if "/" not in value and len(value) <= 24 else "…"
    return value


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """One line for each place where two records differ."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}/{index}")
    elif before != after:
        yield f"{path}: {json.dumps(before)[:120]} became {json.dumps(after)[:120]}"


def _digest(name: str, data: bytes) -> str:
    return hashlib.sha256(_stable_bytes(name, data)).hexdigest()


def _stable_bytes(name: str, data: bytes) -> bytes:
    """The file's bytes; of JSON its stable values; of diffusers' LoRA files the tensors sorted by name.

    diffusers iterates over a set when it writes names, so that their order differs between processes.
    """
    if name.endswith(".json"):
        return json.dumps(stable_values(json.loads(data)), sort_keys=True).encode()
    if name.endswith(_DIFFUSERS_FILES):
        tensors = sorted(_deserialize(data))
        return b"".join(f"{key} {entry['dtype']} {entry['shape']}".encode() + entry["data"] for key, entry in tensors)
    return data
