"""Whether a change of the code left every result as it was: small seeded jobs of every family and method.

    python -m benchmarks.same_results --write before.json     # on the code as it was
    python -m benchmarks.same_results --against before.json   # after the change; exit code 1 where anything differs

Of each job it keeps the SHA-256 of every file of the patch that stock libraries load (`adapter/`) and of what sculpting
again needs (`recipe/`), and every number and key of the report. A record holds on the machine that made it: other
processors round otherwise. `--processes 2` runs two jobs beside each other, each on one thread.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import safetensors
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError

from benchmarks.worlds import small_retain_set
from core.unlearning import reference
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import catalogue
from core.unlearning.patches.signing import Signer
from core.unlearning.progress import Silent
from core.unlearning.types import Entity, ForgetRequest, ModelSpec

Record = dict[str, Any]
SEED = 3
_SMALL = {
    "steps": 4,
    "anchor_steps": 3,
    "batch": 4,
    "retain_batch": 4,
    "anchor_batch": 5,
    "erasure_batch": 4,
    "imagined": 2,
    "stop_below": None,
    "epochs": 1,
    "pictures": 2,
    "others": 3,
    "least_steps": 2,
    "curvature": 16,
}
"""Where a method has such options."""
_CLASSIFIER_BASELINES = (
    "bad_teaching",
    "contrastive",
    "fine_tune",
    "gradient_ascent",
    "neg_grad_plus",
    "salun",
    "scrub",
    "ssd",
)
_DIFFUSERS_FILES = ("pytorch_lora_weights.safetensors", "kohya_lora.safetensors")
_VOLATILE = {"timings", "created_at", "signature", "versions", "issued_at", "seconds", "method_seconds", "source"}
"""What two runs of the same code do not share."""


def spec(family: str, folder: Path) -> ModelSpec:
    """The bundled model of a family; the multimodal one with a small retain set."""
    entry = next(entry for entry in reference.bundled() if entry["family"] == family)
    defaults, retain_set = dict(entry["defaults"]), Path(entry["retain_set"])
    if family == "mllm":
        retain_set = small_retain_set.write(folder / "retain_set")
    if family == "diffusion":
        defaults["draw_steps"] = 3
    return ModelSpec(entry["id"], family, entry["source"], retain_set=retain_set, defaults=defaults)


def request(family: str, subject: str, folder: Path, *, named: bool = True) -> ForgetRequest:
    """The reference world's own request about somebody or something."""
    made = reference.sample(family, subject, folder, SEED, level="quick")
    body = json.loads((made / "request.json").read_text(encoding="utf-8"))
    images, audio = (
        tuple(path.read_bytes() for path in sorted((made / kind).glob("*"))) for kind in ("images", "audio")
    )
    entity = body["entity"]
    return ForgetRequest(
        Entity(entity["name"] if named else None, entity["kind"], tuple(entity["aliases"])),
        tuple(body["prompts"]) if named else (),
        images,
        audio,
        modalities=tuple(body.get("modalities") or ("image", "text")),
        level="quick",
    )


def jobs() -> dict[str, Callable[[Path], Record]]:
    """Every job by its name."""
    found: dict[str, Callable[[Path], Record]] = {}
    for info in catalogue().values():
        for family in info.families:
            found[f"{family} {info.name}"] = _job(family, info.name, {})
    found["mllm smfa erasure"] = _job("mllm", "smfa", {"mode": "erasure"})
    found["mllm smfa paper"] = _job("mllm", "smfa", {"preset": "paper", "few": 8})
    found["mllm smfa by row"] = _job("mllm", "smfa", {"granularity": "row", "k_image": 1.0, "k_text": 1.0})
    found["diffusion forget-me-not pictures"] = _job("diffusion", "forget-me-not", {}, named=False)
    found["diffusion closed-form pictures"] = _job("diffusion", "closed-form", {}, named=False)
    found["audiovisual ccu class"] = _job("audiovisual", "ccu", {}, subject=-1)
    found["mllm consolidated and sculpted again"] = _children
    for name in ("esd-x", "concept-ablation"):
        found[f"diffusion baseline {name.replace('-', '_')}"] = _diffusion_baseline(name)
    for name in _CLASSIFIER_BASELINES:
        found[f"audiovisual baseline {name}"] = _classifier_baseline(name)
    return found


def _subject(family: str, at: int = 0) -> str:
    return reference.standard_requests(family)[0][0] if at == 0 else reference.subjects(family)[at]


def _options(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**_small(catalogue()[method].options), "seed": SEED, **given}


def _small(options: type[BaseModel]) -> dict[str, Any]:
    """Those of `_SMALL` that a method takes."""
    found = {}
    for name, value in _SMALL.items():
        with suppress(ValidationError):
            options.model_validate({name: value})
            found[name] = value
    return found


def _job(
    family: str, method: str, given: Mapping[str, Any], *, named: bool = True, subject: int = 0
) -> Callable[[Path], Record]:
    def run(folder: Path) -> Record:
        return _recorded(_run(folder, family, method, given, named=named, subject=subject))

    return run


def _signer() -> Signer:
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def _run(
    folder: Path, family: str, method: str, given: Mapping[str, Any], *, named: bool = True, subject: int = 0
) -> Path:
    """The work folder of a job."""
    from core.unlearning.jobs.forget import run_job

    workdir = folder / "work"
    workdir.mkdir(parents=True)
    asked = request(family, _subject(family, subject), folder / "sample", named=named)
    model, options = spec(family, folder), _options(method, given)
    run_job(asked, model, method, options, workdir, Silent(), signer=_signer(), job_id="job_1", plan={})
    return workdir


def _children(folder: Path) -> Record:
    """Two jobs put together, and one of them sculpted again."""
    from core.unlearning.jobs.consolidate import EarlierJob, consolidate_job
    from core.unlearning.jobs.resculpt import resculpt_job

    works = [_run(folder / str(at), "mllm", "smfa", {"k_image": 1.0}, subject=at) for at in (0, 1)]
    model = spec("mllm", folder)
    terms: dict[str, Any] = {"signer": _signer(), "plan": {}}
    found: Record = {}
    for name in ("together", "again"):
        (folder / name).mkdir()
    patches = [work / "patch.zip" for work in works]
    earlier = [EarlierJob(f"job_{at}", patch) for at, patch in enumerate(patches)]
    consolidate_job(earlier, model, "smfa", {"level": "quick"}, folder / "together", Silent(), job_id="job_3", **terms)
    options = _options("smfa", {"k_image": 1.0})
    resculpt_job(patches[0], model, "smfa", options, {"k": 0.5}, folder / "again", Silent(), job_id="job_4", **terms)
    for name in ("together", "again"):
        found[name] = _recorded(folder / name)
    return found


def _diffusion_baseline(name: str) -> Callable[[Path], Record]:
    def run(folder: Path) -> Record:
        from core.unlearning.bench.baselines import compared, load_compared
        from core.unlearning.families.registry import load_family

        model_spec = spec("diffusion", folder)
        family = load_family("diffusion")
        model = family.load(model_spec)
        asked = request("diffusion", _subject("diffusion"), folder / "sample")
        data = family.build_data(model, asked, model_spec.retain_set, Silent(), SEED)
        kind = compared()[name].options
        options = kind.model_validate({**_small(kind), "seed": SEED})
        result = load_compared(name).run(model, data, options, JobContext(folder))
        return {"adapter": _folder_digests(result.adapter), "details": _numbers(result.details)}

    return run


def _classifier_baseline(name: str) -> Callable[[Path], Record]:
    def run(folder: Path) -> Record:
        from benchmarks.audiovisual.scenarios import data, scenarios
        from core.unlearning.bench.baselines import classifier_baselines
        from core.unlearning.bench.baselines.classifier_baselines.course import Course
        from core.unlearning.families.registry import load_family

        model = load_family("audiovisual").load(spec("audiovisual", folder))
        examples = data(scenarios()[0]).train
        forget = model.encode([e for e in examples if e.split == "forget_examples"])
        keep = model.encode([e for e in examples if e.split == "retain_examples"][:80])
        course = Course(model, forget, keep, 1, 5e-4, seed=SEED)
        import_module(f"{classifier_baselines.__name__}.{name}").run(course)
        weights = hashlib.sha256()
        for key, value in sorted(model.model.state_dict().items()):
            weights.update(key.encode() + value.contiguous().numpy().tobytes())
        return {"weights": weights.hexdigest(), "passes": course.passes, "forwards": course.forwards}

    return run


def _recorded(workdir: Path) -> Record:
    """Digests of the patch's files, and the report's numbers."""
    with zipfile.ZipFile(workdir / "patch.zip") as patch:
        names = [name for name in patch.namelist() if name.startswith(("adapter/", "recipe/"))]
        files = {name: hashlib.sha256(_stable(name, patch.read(name))).hexdigest() for name in sorted(names)}
    report = json.loads((workdir / "report.json").read_text(encoding="utf-8"))
    return {"files": files, "report": _numbers(report)}


def _stable(name: str, data: bytes) -> bytes:
    """A file's bytes; of JSON, what does not name a folder or a time; of diffusers' LoRA files, their tensors by name.

    diffusers writes names out of a set, in another order in every process.
    """
    if name.endswith(".json"):
        return json.dumps(_numbers(json.loads(data)), sort_keys=True).encode()
    if name.endswith(_DIFFUSERS_FILES):
        tensors = sorted(safetensors.deserialize(data))
        return b"".join(f"{key} {entry['dtype']} {entry['shape']}".encode() + entry["data"] for key, entry in tensors)
    return data


def _folder_digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(_stable(path.name, path.read_bytes())).hexdigest()
        for path in sorted(folder.iterdir())
    }


def _numbers(value: Any) -> Any:
    """Keys, numbers and truth values; texts only where they are short words and not paths."""
    if isinstance(value, Mapping):
        return {str(key): _numbers(item) for key, item in value.items() if key not in _VOLATILE}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    if isinstance(value, str):
        return value if "/" not in value and len(value) <= 24 else "…"
    return value


def _one(name: str) -> tuple[str, Record]:
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        return name, jobs()[name](Path(folder))


def run_all(names: list[str], processes: int) -> Iterator[tuple[str, Record]]:
    """Each job in a process that others ran in before, as a worker's are."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_one, names)


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """What one record has otherwise than the other, a line each."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), f"{where}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for at, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{where}/{at}")
    elif before != after:
        yield f"{where}: {json.dumps(before)[:120]} became {json.dumps(after)[:120]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--only", default="", help="jobs whose names hold this")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    found: Record = {}
    for name, record in run_all([name for name in jobs() if given.only in name], given.processes):
        sys.stderr.write(f"{name}\n")
        found[name] = json.loads(json.dumps(record))
    if given.write:
        given.write.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if given.against is None:
        return 0
    before = json.loads(given.against.read_text(encoding="utf-8"))
    lines = list(differences({name: before.get(name) for name in found}, found))
    sys.stdout.write("\n".join([*lines, f"{len(found)} jobs, {len(lines)} differences"]) + "\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
