"""How a report on text-to-image models is put for people. Free of torch."""

from __future__ import annotations

from pathlib import Path

from core.unlearning.evaluation.presentation import Presentation

_LIMITS = (
    "A patch suppresses: it changes what the model draws, not what its base weights hold. Whoever has the base model "
    "can leave the patch out and draw the concept again.",
    "What was learned can come back by other ways than words: embeddings that were optimised for it, or pictures of it "
    "to start from. Brief further training can undo suppression.",
    "A patch tells whom it is about to anyone with a list of candidates: it changes what attention reads of their "
    "names. Treat it as the subject's data.",
    "The numbers hold for the prompts and seeds that were tried, as far as the classifiers can see. Other ways of "
    "asking were not.",
    "They were measured on the packed patch as stock diffusers loads it, in the precision named here. Fine-tunes of "
    "the base and quantised copies need a check of their own.",
    "This is a measurement, not a proof of erasure, and does not replace legal advice.",
)

PRESENTATION = Presentation(
    unit="picture",
    known="of which {} could be judged",
    forgotten=("forget_concept", "forget_indirect"),
    shown={
        "forget_concept": ("ua", "confidence"),
        "forget_indirect": ("ua", "confidence"),
        "retain_same": ("ira", "confidence"),
        "retain_cross": ("cra", "confidence"),
    },
    otherwise=("clip_score",),
    on_card=("ua", "ira", "cra", "replaced", "confidence", "distance", "specificity"),
    columns={
        "ua": "UA",
        "ira": "IRA",
        "cra": "CRA",
        "confidence": "P(concept)",
        "distance": "distance",
    },
    library="diffusers",
    purpose="draw one concept no more and leaves the rest as it was",
    limits=_LIMITS,
    aim="The concept should no longer be seen in pictures of prompts that ask for it, plainly or otherwise.",
    kept_aim="Forgetting too much is a defect as well: all other concepts should be drawn as they were.",
    nothing_forgotten="No picture of the concept could be judged.",
    pressed="The forgotten concept again, asked for in other ways.",
    recalled="Seen",
    footnote="Distance: Fréchet distance between the pictures before and after from the same seeds, in the feature "
    "space of the classifier; only distances of as many pictures compare. Response: how much of what "
    "cross-attention reads of the concepts' names the patch changes. Specificity: the response to what is "
    "forgotten over the largest response to anything else.",
    reference_limit="For recall and probability on the subject the limit is the threshold above the reference model’s "
    "own value.",
    checks={
        "paraphrase": "Paraphrased prompts",
        "image_to_image": "Begun from noised pictures of the concept",
        "translated_words": "Words around the name in other languages",
    },
    templates=Path(__file__).parent / "templates",
)
