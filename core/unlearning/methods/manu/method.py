"""`manu` from end to end, without training: pruning a neuron sets its column of the output projection to zero.

A neuron is a unit of a language model layer's MLP, its activation the value it passes to the output projection. Each
view, with pictures and without, is scored and pruned separately. The patch holds the negated columns, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.model.batching import run_batched
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.target_modules import decoder_layers, mlp_outputs, pattern_of
from core.unlearning.families.language.training.hidden import hidden_states
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.manu.config import Options
from core.unlearning.methods.manu.importance import Activity, highest, scores
from core.unlearning.methods.shared.lora_forgetting import forget_examples, retain_examples
from core.unlearning.patches import supertuning
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.progress import Progress
from core.unlearning.types import Example, JobData


class Manu:
    """The baseline `manu`."""

    def run(self, model: LanguageModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. Leaves the model unchanged. Raises `InvalidInputError` where nothing is to be kept."""
        if not retain_examples(data):
            raise InvalidInputError("manu compares with what is to be kept, and nothing is", code="nothing_to_keep")
        modules = mlp_outputs(model.model, decoder_layers(model.model))
        pruned = _neurons_to_prune(model, data, modules, options, job.progress)
        stored = supertuning.write(
            lambda: _columns(model, pruned), job.adapter, base_model=model.source, target_modules=pattern_of(modules)
        )
        neurons = {name: len(columns) for name, columns in pruned.items()}
        return MethodResult(job.adapter, details={"pruned": neurons, "sparse_entries": stored.nnz})


def _neurons_to_prune(
    lm: LanguageModel, data: JobData, modules: Sequence[str], options: Options, progress: Progress
) -> dict[str, Tensor]:
    """The neurons to prune, by module."""
    views = [v for v in (True, False) if any((e.image is not None) is v for e in forget_examples(data))]
    progress.phase("training", 2 * len(views))
    chosen: dict[str, list[Tensor]] = {name: [] for name in modules}
    for view in views:
        sides = []
        for examples in (forget_examples(data), retain_examples(data)):
            of_view = [e for e in examples if (e.image is not None) is view] or examples
            sides.append(_activity(lm, of_view, modules, options))
            progress.step()
        for name in modules:
            chosen[name].append(highest(scores(sides[0][name], sides[1][name]), options.share))
    return {name: torch.unique(torch.cat(neurons)) for name, neurons in chosen.items()}


@torch.no_grad()
def _activity(
    lm: LanguageModel, examples: Sequence[Example], modules: Sequence[str], options: Options
) -> Mapping[str, Activity]:
    """The activity of each module's inputs at the positions that predict the examples' answers."""
    rows = [lm.encoder.with_answer(e.question, e.image, e.answer) for e in examples]
    activity = {name: Activity(options.active_above) for name in modules}

    def run(batch: list[int]) -> list[None]:
        states = hidden_states(lm, lm.model, [rows[i] for i in batch], modules, "input")
        for name in modules:
            activity[name].add(states.at[name].cpu())
        return [None] * len(batch)

    run_batched(rows, lm.token_budget, run, lm.buckets)
    return activity


def _columns(lm: LanguageModel, pruned: Mapping[str, Tensor]) -> Iterator[ModuleDelta]:
    """The deltas that set the pruned neurons' columns to zero."""
    for name, columns in pruned.items():
        weight = lm.model.get_submodule(name).weight.detach().float().cpu()
        out_features, in_features = weight.shape
        indices = (torch.arange(out_features)[:, None] * in_features + columns).view(-1)
        none = torch.zeros(0, in_features), torch.zeros(out_features, 0)
        yield ModuleDelta(name, *none, indices, -weight.view(-1)[indices])


METHOD = Manu()
