"""What every family of models offers, and what most of them do alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.errors import InvalidInputError
from core.unlearning.evaluation.results import Evaluated
from core.unlearning.families.info import ORACLE, FamilyInfo
from core.unlearning.patches import stock
from core.unlearning.progress import Progress
from core.unlearning.types import Example, ForgetRequest, JobData, Level, Modality, ModelSpec, Part


class Loaded(Protocol):
    """What `load` gives: the model with its processor and whatever else the family needs beside it."""

    @property
    def device(self) -> torch.device:
        """Where the inputs go."""


Model = TypeVar("Model", bound=Loaded)
Found = TypeVar("Found", bound=Evaluated)
"""What its evaluation gives."""


class BaseFamily(ABC, Generic[Model, Found]):
    """`families/<name>/family.py: FAMILY`. How a kind of model is loaded and measured, and what a request is for it."""

    info: ClassVar[FamilyInfo]

    @abstractmethod
    def load(self, spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> Model:
        """The registered model, frozen and ready to answer. Raises `ModelLoadError`."""

    @abstractmethod
    def build_data(
        self, model: Model, /, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
    ) -> JobData:
        """Examples for training, for choosing k, and for the report. Raises `InvalidInputError`."""

    @abstractmethod
    def evaluate(self, model: Model, /, examples: Sequence[Example], *, level: Level, progress: Progress) -> Found:
        """Every metric of every split among `examples`. Calls `progress.step()` `evaluation_steps` times."""

    @abstractmethod
    def evaluate_packed(
        self, model: Model, /, adapter: Path, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> Found:
        """The same of the model as the stock library loads it with the packed adapter; afterwards it is as it was.

        Raises `UnlearningError` for an adapter that the library does not load whole.
        """

    @abstractmethod
    def evaluation_steps(self, examples: Sequence[Example], level: Level, *, packed: bool = False) -> int:
        """How often `evaluate`, or `evaluate_packed`, calls `progress.step()`."""

    @abstractmethod
    def compared(self, before: Found, after: Found) -> Found:
        """`after` with what only two evaluations show together.

        Raises `IneffectivePatchError` where the patched model did nothing otherwise than the unchanged one.
        """

    def caching_answers(
        self, model: Model, /, checkpoints: Checkpoints, progress: Progress, part: str
    ) -> AbstractContextManager[None]:
        """Inside, what the unchanged model says is put aside as `part`, and what is there is not asked again.

        Nothing is, unless a family says otherwise: not every model is slow to ask.
        """
        return nullcontext()

    def check_effect(self, adapter: Path) -> None:
        """Raises `IneffectivePatchError` for an adapter whose weights add up to nothing."""
        stock.check_effect(adapter)

    def reference(self, spec: ModelSpec, data: JobData, modalities: Sequence[Modality]) -> str | None:
        """Where a model is that never learned what is forgotten; None where no such model is registered.

        The one registered model, unless a family can tell which of several left out what.
        """
        source = spec.defaults.get(ORACLE)
        return str(source) if source else None

    def beside_reference(self, found: Found, reference: Found) -> Found:
        """`found` with how near its predictions are to the reference's, where the family measures that."""
        return found

    def samples(self, before: Found, after: Found, *, names: Sequence[str]) -> list[dict[str, Any]]:
        """What a report shows of single examples, as JSON values for `samples.html.j2`. Nothing in it is about the
        subject, who has these names.
        """
        return []

    def keep_examples(
        self, model: Model, /, retain_set: Path | None, names: Iterable[str], level: Level, seed: int
    ) -> Mapping[Part, Sequence[Example]]:
        """The registered retain set by part, but for what is about these names: what is trained on and measured where
        the subject's data is gone. Nothing, unless patches of the family bring recipes.
        """
        return {}

    def forget_examples(
        self, model: Model, /, request: ForgetRequest, retain_set: Path | None, seed: int
    ) -> Sequence[Example]:
        """What `build_data` measures of the subject of a request. Needed where `keep_examples` is."""
        return ()

    def prepare(
        self,
        model: Model,
        /,
        out: Path,
        *,
        pictures: Path | None,
        names: Sequence[tuple[str, Sequence[str]]],
        seed: int,
        alive: Callable[[], None],
    ) -> Mapping[str, int]:
        """Make a retain set in `out` by asking the model about a folder of pictures, and people by name with questions.

        Returns how many rows there are, by group and part ("memory/test"). `alive` is called between questions.
        Raises `InvalidInputError`; always, where the family's models cannot be asked about people.
        """
        raise InvalidInputError(f"a retain set is not prepared for family {self.info.name!r}", code="not_prepared")

    def retained_subjects(self, retain_set: Path | None) -> Collection[str]:
        """Whom the registered retain set is about, where it says it. Needed where `keep_examples` is."""
        return ()

    def modules(self, model: Model) -> Any:
        """What holds the weights and moves with `to`: a torch module or a pipeline."""
        loaded: Any = model
        return loaded.model

    @contextmanager
    def out_of_the_way(self, model: Model) -> Iterator[None]:
        """Inside, the model leaves the accelerator to others; a quantised one stays, small as it is: it cannot move."""
        device, modules = model.device, self.modules(model)
        if device.type == "cpu" or getattr(modules, "is_quantized", False):
            yield
            return
        modules.to("cpu")
        torch.cuda.empty_cache()
        try:
            yield
        finally:
            modules.to(device)
