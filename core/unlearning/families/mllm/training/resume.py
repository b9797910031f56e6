"""The state of training, one piece for each adapter, so that another process goes on at the step this one came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from core.unlearning.checkpoints import NO_CHECKPOINTS, Checkpoints
from core.unlearning.errors import StoppedError
from core.unlearning.families.mllm.options import TrainingOptions
from core.unlearning.snapshot import Snapshot

FORMAT = 1


class Pace(Protocol):
    """How far a course is, and where it ends by now."""

    done: int
    end: int


class Loop(Protocol):
    """`micro`: rows in one forward pass, as far as memory has allowed."""

    micro: int


@dataclass
class Run:
    """Everything about the training of one adapter that the next step depends on. Draws are repeated from the seed."""

    name: str
    losses: list[float]
    parameters: Sequence[torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    pace: Pace
    loop: Loop


class TrainingState:
    """What an earlier process has kept of a job's training, and what this one keeps."""

    def __init__(self, checkpoints: Checkpoints, names: Sequence[str], options: TrainingOptions) -> None:
        self._checkpoints = checkpoints
        self._options = options.model_dump(mode="json")
        self._found = {name: found for name in names if (found := self._load(name))}

    @property
    def steps_done(self) -> int:
        """Steps that need not be made again."""
        return sum(len(found.meta["losses"]) for found in self._found.values())

    def restore(self, run: Run) -> None:
        """Bring a run that is about to begin to where it was."""
        found = self._found.pop(run.name, None)
        if found is None:
            return
        for n, parameter in enumerate(run.parameters):
            parameter.data.copy_(found.tensors[f"parameter.{n}"])
        run.losses[:] = found.meta["losses"]
        run.pace.done, run.pace.end, run.loop.micro = (found.meta[key] for key in ("done", "end", "micro"))
        _load_optimizer(run.optimizer, found.tensors)
        _set_random(found.tensors)

    @contextmanager
    def guarding(self, run: Run) -> Iterator[None]:
        """Keeps the run's state when it ends, and when it is stopped for somebody else to go on with."""
        try:
            yield
        except StoppedError:
            if self._checkpoints.due():
                self._save(run)
            raise
        self._save(run, ended=True)

    def offer(self, run: Run) -> None:
        """Called after every step; keeps the state when it is time to."""
        if self._checkpoints.due():
            self._save(run)

    def _save(self, run: Run, *, ended: bool = False) -> None:
        meta = {"losses": run.losses, "done": run.pace.done, "end": run.pace.end, "micro": run.loop.micro}
        tensors = {f"parameter.{n}": parameter.data for n, parameter in enumerate(run.parameters)}
        tensors |= _random() if ended else {**_random(), **_optimizer(run.optimizer)}
        meta |= {"format": FORMAT, "options": self._options}
        self._checkpoints.save(_piece(run.name), Snapshot(meta, tensors).pack())

    def _load(self, name: str) -> Snapshot | None:
        """None also where it was kept by a version, or with options, that mean something else."""
        found = Snapshot.unpack(self._checkpoints.load(_piece(name)))
        same = found is not None and (found.meta.get("format"), found.meta.get("options")) == (FORMAT, self._options)
        return found if same else None


def from_start(options: TrainingOptions) -> TrainingState:
    """Nothing was kept, and nothing will be."""
    return TrainingState(NO_CHECKPOINTS, (), options)


def _piece(name: str) -> str:
    return f"training-{name}"


def _optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of every parameter, which must be made of tensors."""
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
    """What dropout will draw from."""
    state = {"random.cpu": torch.get_rng_state()}
    return state | {"random.cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else state


def _set_random(tensors: dict[str, Tensor] | Any) -> None:
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
