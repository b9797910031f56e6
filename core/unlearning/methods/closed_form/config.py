"""The catalogue entry and options of `closed-form`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.diffusion.options import DiffusionOptions
from core.unlearning.methods.base import MethodInfo


class Options(DiffusionOptions):
    """Options of `closed-form`."""

    anchor: str | None = Field(
        None,
        max_length=200,
        description="What is drawn in the place of what is forgotten. null: the request's `replacement`, or else the "
        "general word for its kind; where the tokenizer does not know that word, a mixture of other concepts of the "
        "kind.",
    )
    erase_weight: float = Field(
        1.0, gt=0, description="Weight of the error on the text states that are erased: larger forgets more."
    )
    keep_weight: float = Field(
        3.0,
        ge=0,
        description="Weight of the error on the text states that are kept: larger keeps more and forgets less.",
    )
    ridge: float = Field(
        1e-4,
        gt=0,
        le=1,
        description="Regularisation that holds everything else in place, as a part of the text states' mean square: "
        "larger changes less.",
    )
    rank: int | None = Field(
        8,
        ge=1,
        le=512,
        description="Rank of the patch for each name in the request. null: the exact solution, whatever its rank.",
    )
    rounds: int = Field(
        0,
        ge=0,
        le=20,
        description="Most rounds in which the embedding that would best bring the concept back is solved for and "
        "erased too. Each costs some of what is near the concept. 0: none.",
    )
    stop_below: float = Field(
        0.1, ge=0, le=1, description="End the rounds once that embedding restores less than this share of the concept."
    )
    searches: int = Field(
        3,
        ge=0,
        le=20,
        description="For a request of pictures without a name: how many times other words for them are searched for "
        "in the edited model and erased too.",
    )


INFO = MethodInfo(
    name="closed-form",
    title="Closed-form erasure of cross-attention keys and values",
    families=("diffusion",),
    paper="Gandikota et al., Unified Concept Editing (WACV 2024), https://arxiv.org/abs/2308.14761; Gong et al., RECE "
    "(ECCV 2024), https://arxiv.org/abs/2407.12383",
    options=Options,
    needs_words=True,
    keeps_images=False,
)
