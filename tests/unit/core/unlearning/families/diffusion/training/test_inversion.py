"""Placeholder words and the search for their vectors, on tiny pipelines."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import latent_masks
from core.unlearning.families.diffusion.model.placeholder import name_embeddings, random_embeddings, with_placeholder
from core.unlearning.families.diffusion.model.text import encode_prompts, find_spans
from core.unlearning.families.diffusion.training.inversion import InversionSettings, invert
from tests.support.tiny_pipelines import Shape, pipeline


@pytest.mark.parametrize("shape", ["sd1", "sd2", "sdxl"])
def test_vectors_of_a_name_are_read_as_the_name(shape: Shape) -> None:
    pipe = pipeline(shape)
    expected = encode_prompts(pipe, ["a bob"])
    with with_placeholder(pipe, name_embeddings(pipe, "bob")) as words:
        found = encode_prompts(pipe, [f"a {words}"])
        assert [span.start for span in find_spans(pipe.tokenizer, f"a {words}", words)] == [2]
    assert torch.allclose(found.states, expected.states, atol=1e-6)
    if expected.pooled is not None and found.pooled is not None:
        assert torch.allclose(found.pooled, expected.pooled, atol=1e-6)


@pytest.mark.parametrize("shape", ["sd1", "sdxl"])
def test_afterwards_the_pipeline_is_as_it_was(shape: Shape) -> None:
    pipe = pipeline(shape)
    tokenizer, table = pipe.tokenizer, pipe.text_encoder.get_input_embeddings()
    with pytest.raises(ZeroDivisionError), with_placeholder(pipe, random_embeddings(pipe, "", 2, seed=0)):
        raise ZeroDivisionError
    assert pipe.tokenizer is tokenizer
    assert pipe.text_encoder.get_input_embeddings() is table


@pytest.mark.parametrize("shape", ["sd1", "sdxl"])
def test_the_search_lowers_the_loss_and_repeats_itself(shape: Shape) -> None:
    model = DiffusionModel(pipeline(shape), steps=2)
    clean = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    start, steps = random_embeddings(model.pipe, "a cat", 2, seed=0), []
    settings = InversionSettings(steps=20, rate=0.5, batch=4)
    found = invert(model, clean, ("a {}", "one {} more"), start, settings, steps.append)
    again = invert(model, clean, ("a {}", "one {} more"), start, settings, lambda _: None)
    assert len(steps) == 20
    assert found.losses[-1] < found.losses[0]
    assert found.losses == again.losses
    assert [v.shape for v in found.vectors] == [v.shape for v in start]


def test_what_a_mask_hides_hardly_counts() -> None:
    model = DiffusionModel(pipeline(), steps=2)
    mask = Image.new("L", (16, 16), 0)
    mask.paste(255, (0, 0, 8, 16))
    shares = latent_masks(model, [mask, None])
    assert shares.shape == (2, 1, 8, 8)
    assert (float(shares[0, 0, 0, 3]), float(shares[0, 0, 0, 4]), float(shares[1].min())) == (1.0, 0.0, 1.0)
    clean = torch.zeros(1, 4, 8, 8)
    start, settings = random_embeddings(model.pipe, "a", 1, seed=0), InversionSettings(steps=1, batch=1, patience=None)

    def at_first(shares: torch.Tensor) -> float:
        return invert(model, clean, ("{}",), start, settings, lambda _: None, shares).losses[0]

    left = torch.zeros(1, 1, 8, 8)
    left[..., :4] = 1
    both = (at_first(left) + at_first(1 - left)) / 2
    assert at_first(torch.ones(1, 1, 8, 8)) == pytest.approx(both, rel=1e-5)
    assert at_first(left) != pytest.approx(both, rel=1e-3)


def test_the_search_ends_where_nothing_gets_better() -> None:
    model = DiffusionModel(pipeline(), steps=2)
    clean, steps = torch.zeros(1, 4, 8, 8), []
    settings = InversionSettings(steps=400, rate=1e-6, batch=1, patience=1)
    invert(model, clean, ("{}",), random_embeddings(model.pipe, "a", 1, seed=0), settings, steps.append)
    assert len(steps) == 20
