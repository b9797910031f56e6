"""What is no use to a model, on tiny ones of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.unlearning.errors import InvalidInputError, ModelLoadError
from core.unlearning.families.registry import load_family
from core.unlearning.progress import Silent
from tests.support.tiny_models import FAMILIES, SIMPLE, a_request, load, save


@pytest.mark.parametrize("family", FAMILIES)
def test_random_weights_know_nobody(family: str, tmp_path: Path) -> None:
    lm, request = load(save(family, SIMPLE[family], tmp_path)), a_request(family, ["Where was this person born?"])
    with pytest.raises(InvalidInputError) as caught:
        load_family(family).build_data(lm, request, None, Silent(), 0)
    assert caught.value.code == "not_known"


def test_a_retain_set_with_pictures_is_none_for_a_model_that_sees_none(tmp_path: Path) -> None:
    lm = load(save("llm", "llama", tmp_path / "base"))
    row = {"group": "memory", "part": "train", "question": "Who is this?", "image": "a.png", "subject": "Bo Li"}
    (tmp_path / "examples.jsonl").write_text(json.dumps(row))
    with pytest.raises(ModelLoadError, match="it has pictures, which the model does not see") as caught:
        load_family("llm").keep_examples(lm, tmp_path, (), "quick", 0)
    assert caught.value.code == "invalid_retain_set"
