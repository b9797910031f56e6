"""The training state of each adapter as a checkpoint, so that another process resumes at the next step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from core.unlearning.checkpoints import NO_CHECKPOINTS, Checkpoints
from core.unlearning.errors import StoppedError
from core.unlearning.families.language.options import TrainingOptions
from core.unlearning.snapshot import Snapshot

FORMAT = 1


class StepCount(Protocol):
    """Steps done, and the step at which training ends."""

    done: int
    end: int


class MicroBatches(Protocol):
    """`micro`: rows in one forward pass, as memory allows."""

    micro: int


@dataclass
class TrainingRun:
    """Everything the next step of an adapter's training depends on. Sampled rows follow from the seed and the step."""

    name: str
    losses: list[float]
    parameters: Sequence[torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    schedule: StepCount
    loop: MicroBatches


class TrainingState:
    """Training checkpoints of a job: those of an earlier process, and those of this one."""

    def __init__(self, checkpoints: Checkpoints, names: Sequence[str], options: TrainingOptions) -> None:
        self._checkpoints = checkpoints
        self._options = options.model_dump(mode="json")
        self._saved = {name: saved for name in names if (saved := self._load(name))}

    @property
    def steps_done(self) -> int:
        """Steps that were saved and are not repeated."""
        return sum(len(saved.meta["losses"]) for saved in self._saved.values())

    def restore(self, run: TrainingRun) -> None:
        """Set a run to its saved state, if there is one."""
        found = self._saved.pop(run.name, None)
        if found is None:
            return
        for n, parameter in enumerate(run.parameters):
            parameter.data.copy_(found.tensors[f"parameter.{n}"])
        run.losses[:] = found.meta["losses"]
        run.schedule.done, run.schedule.end, run.loop.micro = (found.meta[key] for key in ("done", "end", "micro"))
        _load_optimizer(run.optimizer, found.tensors)
        _set_random(found.tensors)

    @contextmanager
    def saving(self, run: TrainingRun) -> Iterator[None]:
        """Saves the run's state when it ends, and when it is stopped and a checkpoint is due."""
        try:
            yield
        except StoppedError:
            if self._checkpoints.due():
                self._save(run)
            raise
        self._save(run, ended=True)

    def save_if_due(self, run: TrainingRun) -> None:
        """Called after every step."""
        if self._checkpoints.due():
            self._save(run)

    def _save(self, run: TrainingRun, *, ended: bool = False) -> None:
        meta = {"losses": run.losses, "done": run.schedule.done, "end": run.schedule.end, "micro": run.loop.micro}
        tensors = {f"parameter.{n}": parameter.data for n, parameter in enumerate(run.parameters)}
        tensors |= _random() if ended else {**_random(), **_optimizer(run.optimizer)}
        meta |= {"format": FORMAT, "options": self._options}
        self._checkpoints.save(_checkpoint_name(run.name), Snapshot(meta, tensors).pack())

    def _load(self, name: str) -> Snapshot | None:
        """The saved state; None also where it has another format or was made with other options."""
        found = Snapshot.unpack(self._checkpoints.load(_checkpoint_name(name)))
        same = found is not None and (found.meta.get("format"), found.meta.get("options")) == (FORMAT, self._options)
        return found if same else None


def from_start(options: TrainingOptions) -> TrainingState:
    """A state that neither restores nor saves anything."""
    return TrainingState(NO_CHECKPOINTS, (), options)


def _checkpoint_name(name: str) -> str:
    return f"training-{name}"


def _optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state of every parameter, as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"optimizer.{n}.{key}": value for n, values in state.items() for key, value in values.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor] | Any) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            n, _, key = rest.partition(".")
            state.setdefault(int(n), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _random() -> dict[str, Tensor]:
    """The random states that dropout draws from."""
    state = {"random.cpu": torch.get_rng_state()}
    return state | {"random.cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else state


def _set_random(tensors: dict[str, Tensor] | Any) -> None:
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
