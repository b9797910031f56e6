"""Every method for language models on tiny random models, with and without pictures: what stock PEFT loads does what
it should.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from core.job_states import Phase
from core.unlearning.errors import InvalidInputError, StoppedError
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.target_modules import (
    decoder_layers,
    default_targets,
    early_mlp_targets,
    match_modules,
    mlp_outputs,
    pattern_of,
)
from core.unlearning.families.language.training.rows import FORGET, answer_rows
from core.unlearning.families.language.training.teacher import teacher_distributions
from core.unlearning.families.registry import load_family
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.work import JobSetup
from core.unlearning.methods.base import JobContext, MethodInfo
from core.unlearning.methods.registry import catalogue, load_method
from core.unlearning.methods.task_arithmetic.config import SCALES
from core.unlearning.patches import adapter_check, archive
from core.unlearning.patches.stock import check_effect
from core.unlearning.patches.verify import verify
from core.unlearning.progress import Silent
from core.unlearning.types import Example, ForgetRequest, JobData, ModelSpec
from tests.support.patches import SIGNER
from tests.support.tiny_models import EVERY, FAMILIES, SIMPLE, a_request, load, save, stock, taken_as_known

pytestmark = pytest.mark.slow
METHODS = [info for info in catalogue().values() if {*FAMILIES} & {*info.families}]
SMALL = {
    "steps": 3,
    "anchor_steps": 2,
    "batch": 3,
    "retain_batch": 3,
    "anchor_batch": 3,
    "rank": 4,
    "lr": 1e-2,
    "stop_below": None,
    "k_image": 5.0,
}
"""Where a method has such options."""

OUTPUTS = {"phi": "fc2", "gpt_neox": "dense_4h_to_h"}
"""The linears by which MLPs write, where they are not called `down_proj`."""
QKVO = {"q_proj", "k_proj", "v_proj", "o_proj"}
ATTENTION = {"phi": {"q_proj", "k_proj", "v_proj", "dense"}, "gpt_neox": {"query_key_value", "dense"}}
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Tiny:
    spec: ModelSpec
    request: ForgetRequest
    lm: LanguageModel
    data: JobData


class Counting(Silent):
    """How many steps of training there were; stops at one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at, self.steps, self.where = stop_at, 0, ""

    def phase(self, phase: Phase, total_steps: int | None = None, *, done: int = 0) -> None:
        self.where = phase

    def step(self, *, loss: float | None = None) -> None:
        if self.where == "training":
            self.steps += 1
            if self.steps == self.stop_at:
                raise StoppedError


class Kept(dict[str, bytes]):
    """Checkpoints in memory, due at every step."""

    def load(self, name: str) -> bytes | None:
        return self.get(name)

    def save(self, name: str, data: bytes) -> None:
        self[name] = data

    def due(self) -> bool:
        return True


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    family: str = request.param
    spec = save(family, SIMPLE[family], tmp_path_factory.mktemp("base"))
    lm, asked = load(spec), a_request(family, ["Where was this person born?"])
    with taken_as_known():
        return Tiny(spec, asked, lm, load_family(family).build_data(lm, asked, None, Silent(), 0))


def _options(info: MethodInfo, **more: Any) -> Any:
    fields = info.options.model_fields
    return info.options.model_validate({**{k: v for k, v in SMALL.items() if k in fields}, **more})


def _total(lm: LanguageModel, examples: list[Example]) -> float:
    return sum(scored.total for scored in lm.score(examples))


@pytest.mark.parametrize("info", METHODS, ids=lambda info: info.name)
def test_a_method_writes_what_stock_peft_loads_and_leaves_the_model_alone(
    info: MethodInfo, tiny: Tiny, tmp_path: Path
) -> None:
    before = {name: tensor.clone() for name, tensor in tiny.lm.model.state_dict().items()}
    forget = [e for e in tiny.data.train if e.split in FORGET][:8]
    known = _total(tiny.lm, forget)
    result = load_method(info.name).run(tiny.lm, tiny.data, _options(info), JobContext(tmp_path))
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny.lm.model.state_dict().items())
    assert tiny.lm.model.state_dict().keys() == before.keys()
    json.dumps(result.details, allow_nan=False)
    assert result.adapter == tmp_path / "adapter"
    assert check_effect(result.adapter) > 0
    patched = PeftModel.from_pretrained(stock(tiny.spec), result.adapter)
    again = LanguageModel(model=patched.eval(), processor=tiny.lm.processor)
    assert abs(_total(again, forget) - known) > 1e-3
    assert json.loads((result.adapter / CONFIG).read_text())["base_model_name_or_path"] == "tiny"
    archive.write(tmp_path / "adapter.zip", [(file.name, file) for file in sorted(result.adapter.iterdir())])
    with archive.Archive(tmp_path / "adapter.zip") as opened, opened.open(WEIGHTS) as weights:
        assert adapter_check.check((result.adapter / CONFIG).read_bytes(), weights).effective


@pytest.mark.parametrize("info", METHODS, ids=lambda info: info.name)
def test_a_method_stops_within_a_step(info: MethodInfo, tiny: Tiny, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in tiny.lm.model.state_dict().items()}
    progress = Counting(stop_at=2)
    with pytest.raises(StoppedError):
        load_method(info.name).run(tiny.lm, tiny.data, _options(info), JobContext(tmp_path, progress))
    assert progress.steps == 2
    after = tiny.lm.model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())


def test_every_method_serves_both_families() -> None:
    assert all({*FAMILIES} <= {*info.families} for info in METHODS)


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_the_layers_and_neurons_of_every_architecture_are_found(family: str, name: str, tmp_path: Path) -> None:
    model = stock(save(family, name, tmp_path))
    layers = decoder_layers(model)
    assert [layer.rpartition(".")[2] for layer in layers] == ["0", "1"]
    neurons, leaf = mlp_outputs(model, layers), OUTPUTS.get(name, "down_proj")
    assert [n.removeprefix(f"{layer}.") for n, layer in zip(neurons, layers, strict=True)] == [f"mlp.{leaf}"] * 2
    assert match_modules(model, pattern_of(neurons)) == neurons
    early, every = (set(match_modules(model, pattern(model))) for pattern in (early_mlp_targets, default_targets))
    assert {*neurons} <= early < every
    assert {name.rpartition(".")[2] for name in every - early} == ATTENTION.get(name, QKVO)


def test_layers_that_are_no_linears_are_declined_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no linear layers to adapt"):
        default_targets(stock(save("llm", "gpt2", tmp_path)))


def test_undial_learns_from_frozen_logits_less_beta_at_the_answers_tokens(tiny: Tiny) -> None:
    row = answer_rows(tiny.lm, [e for e in tiny.data.train if e.split in FORGET][:1])[0].encoded
    with torch.no_grad():
        out = answer_logits(tiny.lm.model, collate([row], tiny.lm.pad_id, tiny.lm.device))
    adjusted = out.logits.double() - 10 * torch.nn.functional.one_hot(out.targets, out.logits.shape[1])
    (soft,) = teacher_distributions(tiny.lm, [row], less=10.0)
    assert torch.allclose(soft.probs.double(), adjusted.softmax(-1), atol=1e-6)
    (plain,) = teacher_distributions(tiny.lm, [row])
    assert torch.allclose(plain.probs.double(), out.logits.double().softmax(-1), atol=1e-6)


def test_a_pruned_neuron_adds_nothing_in_the_patched_model(tiny: Tiny, tmp_path: Path) -> None:
    info = catalogue()["manu"]
    result = load_method("manu").run(tiny.lm, tiny.data, _options(info, share=0.1), JobContext(tmp_path))
    merged = PeftModel.from_pretrained(stock(tiny.spec), result.adapter).merge_and_unload()
    for name, pruned in result.details["pruned"].items():
        columns = merged.get_submodule(name).weight.abs().sum(0)
        assert int((columns == 0).sum()) == pruned > 0


def test_manu_says_that_it_needs_something_to_keep(tiny: Tiny, tmp_path: Path) -> None:
    forget = JobData(tuple(e for e in tiny.data.train if e.split in FORGET), (), ())
    with pytest.raises(InvalidInputError, match="what is to be kept"):
        load_method("manu").run(tiny.lm, forget, _options(catalogue()["manu"]), JobContext(tmp_path))


def test_mmunlearner_changes_salient_weights_only(tiny: Tiny, tmp_path: Path) -> None:
    info = catalogue()["mmunlearner"]
    result = load_method("mmunlearner").run(tiny.lm, tiny.data, _options(info, threshold=2.0), JobContext(tmp_path))
    assert 0 < result.details["salient"] < 1
    names = match_modules(tiny.lm.model, result.details["target_modules"])
    weights = sum(tiny.lm.model.get_submodule(name).weight.numel() for name in names)
    assert 0 < result.details["sparse_entries"] <= round(result.details["salient"] * weights) + 1


def test_the_vector_that_task_arithmetic_subtracts_is_not_kept(tiny: Tiny, tmp_path: Path) -> None:
    info = catalogue()["task-arithmetic"]
    result = load_method("task-arithmetic").run(tiny.lm, tiny.data, _options(info), JobContext(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter"]
    assert {point["scale"] for point in result.details["scales"]} == set(SCALES)


def test_a_job_with_a_baseline_ships_its_patch_and_a_report_that_shows_its_losses(tiny: Tiny, tmp_path: Path) -> None:
    options = {"steps": 2, "batch": 2, "rank": 4, "lr": 1e-2}
    method = "task-arithmetic"
    with taken_as_known():
        run_job(JobSetup("job_1", tiny.spec, method, tmp_path, SIGNER), tiny.request, options)
    assert verify(tmp_path / "patch.zip").ok
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["method"], len(report["details"]["losses"]["forgetting"])) == (method, 2)


@pytest.mark.parametrize("name", ["npo", "mmunlearner"])
def test_a_job_that_was_stopped_goes_on_at_its_step(name: str, tiny: Tiny, tmp_path: Path) -> None:
    options, method, kept = _options(catalogue()[name]), load_method(name), Kept()
    whole = method.run(tiny.lm, tiny.data, options, JobContext(tmp_path / "whole"))
    with pytest.raises(StoppedError):
        method.run(tiny.lm, tiny.data, options, JobContext(tmp_path / "first", Counting(stop_at=2), kept))
    progress = Counting()
    resumed = method.run(tiny.lm, tiny.data, options, JobContext(tmp_path / "second", progress, kept))
    assert progress.steps == 1
    assert resumed.details["losses"] == whole.details["losses"]
    one, other = (load_file(result.adapter / WEIGHTS) for result in (whole, resumed))
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())
