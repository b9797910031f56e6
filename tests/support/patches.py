"""Small signed patches, and the bases they are for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from safetensors.torch import save_file

from core.unlearning.patches import bundle, lora_export, supertuning
from core.unlearning.patches.digest import base_digest
from core.unlearning.patches.manifest import Provenance
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.patches.signing import Signer

TARGETS = r".*\.(up|down)_proj"
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def random_delta(name: str, shape: tuple[int, int], *, rank: int = 2, nnz: int = 3, seed: int = 0) -> ModuleDelta:
    generator = torch.Generator().manual_seed(seed)
    numel = shape[0] * shape[1]
    return ModuleDelta(
        name,
        torch.randn(rank, shape[1], generator=generator),
        torch.randn(shape[0], rank, generator=generator),
        torch.randperm(numel, generator=generator)[:nnz].sort().values,
        torch.randn(nnz, generator=generator),
    )


def deltas() -> list[ModuleDelta]:
    return [
        random_delta("model.layers.0.up_proj", (6, 4), seed=1),
        random_delta("model.layers.0.down_proj", (4, 6), nnz=0, rank=1, seed=2),
    ]


def write_base(folder: Path, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(seed)
    tensors = {name: torch.randn(4, 3, generator=generator) for name in ("b.weight", "a.weight", "c.weight")}
    save_file(tensors | {"half": torch.ones(5, dtype=torch.bfloat16)}, folder / "model.safetensors")
    return folder


def build_patch(tmp: Path, base: Path, out: Path, modules: list[ModuleDelta] | None = None) -> bundle.Bundle:
    work = tmp / f"work-{out.stem}"
    chosen = deltas() if modules is None else modules
    supertuning.write(lambda: chosen, work / "adapter", base_model="tiny", target_modules=TARGETS)
    lora_export.write(lambda: chosen, work / "lora_export", rank=2, base_model="tiny", target_modules=TARGETS)
    (work / "recipe" / "mfa").mkdir(parents=True)
    (work / "recipe" / "sculpt.json").write_text(json.dumps({"k": 1.0}))
    (work / "recipe" / "mfa" / "notes.txt").write_text("raw adapter")
    provenance = Provenance(
        base_id="tiny",
        base_digest=base_digest(base),
        method="smfa",
        options={"k": float("inf"), "lr": 1e-4, "targets": ("up", "down")},
        seeds={"train": 3},
        job_id="job_1",
        created_at=datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
    )
    return bundle.build(
        work,
        out,
        report={"verdict": "passed"},
        report_html="<p>ok</p>",
        readme="# Patch\n",
        provenance=provenance,
        signer=SIGNER,
    )
