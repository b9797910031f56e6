"""How a report is put for people, by the family of the model: which numbers stand out, in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Presentation:
    """`shown`: the metrics that are drawn as bars, by split; `otherwise` for all other splits."""

    unit: str
    """What a model is asked: `question`, with `s` for several."""
    known: str
    forgotten: tuple[str, ...]
    """Splits under "What had to be forgotten"; all others had to stay."""
    shown: Mapping[str, tuple[str, ...]]
    otherwise: tuple[str, ...]
    on_card: tuple[str, ...]
    """Metrics in the model card."""
    library: str
    purpose: str
    limits: tuple[str, ...]
    """What the numbers cannot say."""
    aim: str
    kept_aim: str
    nothing_forgotten: str
    pressed: str
    recalled: str
    footnote: str
    reference_limit: str
    """What the thresholds' limits owe to a reference model."""
    membership: str
    """How the membership AUC is to be read."""


_FACTS = "At 0.5, marked by the line, the forgotten facts cannot be told from facts that were never learned."
_LIMIT = "For recall and probability on the subject the limit is the threshold above the reference model’s own value."
_SIGHTS = (
    "A patch suppresses: it changes what the model sees in pictures, not what its base weights hold. Whoever has the "
    "base model can leave the patch out.",
    "Only what pictures say was forgotten. Sounds of the subject, and texts about them, are known as before.",
    "A model that never saw these pictures tells most of them all the same, as it tells other pictures of their kind: "
    "an accuracy near its own is right, and zero would make them stand out.",
    "Membership was tried with simple attacks on the model’s outputs. Stronger ones train many models of their own.",
    "Brief further training on the subject’s pictures brings them back. At level thorough the report says how brief, "
    "for this model and for the reference.",
    "The numbers hold for the packed patch as a stock library loads it, in the precision named here. Quantised or "
    "further tuned copies need a check of their own.",
    "This is a measurement, not a proof of erasure, and does not replace legal advice.",
)
_BOTH = ("accuracy", "visual_accuracy", "audio_accuracy")
_ANSWERS = (
    "A patch suppresses: it changes how the model answers, not what its base weights hold. Whoever has the base model "
    "can leave the patch out and get the answers back.",
    "Brief further training on facts about the subject can undo suppression. Give out the patched or merged model, not "
    "the base beside it, where that matters.",
    "The numbers hold for the questions, pictures and wordings that were tried. Other ways of asking were not.",
    "They were measured on the packed patch as a stock library loads it, in the precision named here. Quantised or "
    "further tuned copies need a check of their own.",
    "This is a measurement, not a proof of erasure, and does not replace legal advice.",
)
_PICTURES = (
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
_MEMORY = ("exact", "sequence_probability", "refusal_rate")
_BY_FAMILY: Mapping[str, Presentation] = {
    "mllm": Presentation(
        unit="question",
        known="of which the model answered {} originally",
        forgotten=("forget_image_memory", "forget_text_memory"),
        shown={"forget_image_memory": _MEMORY, "forget_text_memory": _MEMORY, "declined": ("refusal_rate",)},
        otherwise=("exact", "refusal_rate"),
        on_card=("exact", "refusal_rate", "sequence_probability"),
        library="peft",
        purpose="decline private questions about one subject and leaves the rest as it\nwas",
        limits=_ANSWERS,
        aim="Recall and probability should fall to what a model shows that never met the subject, and private "
        "questions should be declined.",
        kept_aim="Forgetting too much is a defect as well: answers about everyone and everything else should be as "
        "they were.",
        nothing_forgotten="No question about the subject was measured.",
        pressed="The forgotten questions again, asked by someone who insists or of a compressed model.",
        recalled="Recalled",
        footnote="Truth ratio: on the subject, 1 means that the original answer is as likely as a wrong one; "
        "elsewhere, 1 means that it is far likelier.",
        reference_limit=_LIMIT,
        membership=_FACTS,
    ),
    "diffusion": Presentation(
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
        library="diffusers",
        purpose="draw one concept no more and leaves the rest as it was",
        limits=_PICTURES,
        aim="The concept should no longer be seen in pictures of prompts that ask for it, plainly or otherwise.",
        kept_aim="Forgetting too much is a defect as well: all other concepts should be drawn as they were.",
        nothing_forgotten="No picture of the concept could be judged.",
        pressed="The forgotten concept again, asked for in other ways.",
        recalled="Seen",
        footnote="Distance: Fréchet distance between the pictures before and after from the same seeds, in the feature "
        "space of the classifier; only distances of as many pictures compare. Response: how much of what "
        "cross-attention reads of the concepts' names the patch changes. Specificity: the response to what is "
        "forgotten over the largest response to anything else.",
        reference_limit=_LIMIT,
        membership=_FACTS,
    ),
    "audiovisual": Presentation(
        unit="example",
        known="of which {} have a label of the model",
        forgotten=("forget_examples", "forget_held_out"),
        shown={},
        otherwise=_BOTH,
        on_card=(*_BOTH, "membership_auc", "agreement"),
        library="peft",
        purpose="see pictures of one subject or class as if it had never been trained on them",
        limits=_SIGHTS,
        aim="What pictures say should be what a model says that was trained without them: not more, and not less. "
        "What sounds say should be as it was.",
        kept_aim="Forgetting too much is a defect as well: everyone and everything else should be told as before.",
        nothing_forgotten="No example of the subject was measured.",
        pressed="",
        recalled="Told",
        footnote="Accuracies by the picture and by the sound are those of one half of the model alone. Divergences are "
        "between what pictures say here and in the reference, in nats. Members found: the share of the forgotten "
        "examples that an attacker finds who takes one in a hundred others for a member. Steps until relearned: of "
        "training on the forgotten pictures, until they are told as surely as kept ones; at most 50.",
        reference_limit="",
        membership="What is right is not 0.5 but the value of a model that never saw the pictures, marked by the line "
        "where such a reference is registered. Of a class it is shown and not judged.",
    ),
}


_BY_MODE: Mapping[str, str] = {
    "suppression": "Mode suppression was asked for: the subject is declined as strangers are, and beneath the refusal "
    "the patched model may still hold what it knew. That somebody was learned can be told from it, and brief training "
    "on some facts brings others back. Mode erasure goes further.",
    "erasure": "Mode erasure was asked for: the answers that were found were also made as unlikely as they are of "
    "strangers. That is measured on the facts, pictures and wordings of this job; what the request did not bring, and "
    "what stronger probes or longer training would find, is not promised.",
}


def limits(family: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """What the numbers cannot say, of a method with these options."""
    mode = _BY_MODE.get(str(options.get("mode")))
    first, *others = presentation_of(family).limits
    return (first, *([mode] if mode else []), *others)


def presentation_of(family: str) -> Presentation:
    """Raises `KeyError` for a family that does not exist."""
    return _BY_FAMILY[family]
