"""How a report on classifiers of pictures and sounds is put for people. Free of torch."""

from __future__ import annotations

from pathlib import Path

from core.unlearning.evaluation.presentation import Presentation

_LIMITS = (
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

PRESENTATION = Presentation(
    unit="example",
    known="of which {} have a label of the model",
    forgotten=("forget_examples", "forget_held_out"),
    shown={},
    otherwise=_BOTH,
    on_card=(*_BOTH, "membership_auc", "agreement"),
    columns={
        "accuracy": "accuracy",
        "visual_accuracy": "by picture",
        "audio_accuracy": "by sound",
        "membership_auc": "membership",
    },
    library="peft",
    purpose="see pictures of one subject or class as if it had never been trained on them",
    limits=_LIMITS,
    aim="What pictures say should be what a model says that was trained without them: not more, and not less. "
    "What sounds say should be as it was.",
    kept_aim="Forgetting too much is a defect as well: everyone and everything else should be told as before.",
    nothing_forgotten="No example of the subject was measured.",
    recalled="Told",
    footnote="Accuracies by the picture and by the sound are those of one half of the model alone. Divergences are "
    "between what pictures say here and in the reference, in nats. Members found: the share of the forgotten "
    "examples that an attacker finds who takes one in a hundred others for a member. Steps until relearned: of "
    "training on the forgotten pictures, until they are told as surely as kept ones; at most 50.",
    membership="What is right is the value of a model that never saw the pictures; it need not be 0.5.",
    templates=Path(__file__).parent / "templates",
)
