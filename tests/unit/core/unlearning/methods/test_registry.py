"""What the catalogue says of recipes is what the implementations can do."""

from __future__ import annotations

import pytest

from core.unlearning.errors import InvalidInputError
from core.unlearning.methods.base import Sculpting
from core.unlearning.methods.registry import catalogue, consolidating, leaving_recipes, load_method, load_sculpting
from core.unlearning.options import ConsolidationOptions


@pytest.mark.parametrize("name", list(catalogue()))
def test_a_method_that_leaves_recipes_makes_patches_of_them(name: str) -> None:
    assert isinstance(load_method(name), Sculpting) is catalogue()[name].leaves_recipe


def test_a_method_without_recipes_is_refused() -> None:
    with pytest.raises(InvalidInputError) as refused:
        load_sculpting("npo")
    assert refused.value.code == "invalid_recipe"


def test_consolidation_is_of_a_method_of_the_models_family() -> None:
    name, options = consolidating("mllm")
    assert name in leaving_recipes()
    assert "mllm" in catalogue()[name].families
    assert issubclass(options, ConsolidationOptions)
