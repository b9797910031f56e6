"""The attention loss against a softmax worked out by hand."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from diffusers.models.attention_processor import Attention
from torch import nn

from core.unlearning.families.diffusion.model.attention import capturing_attention
from core.unlearning.methods.forget_me_not.losses import attention_loss


class Block(nn.Module):
    """One cross-attention, where a denoiser has it."""

    def __init__(self) -> None:
        super().__init__()
        self.attn2 = Attention(query_dim=4, cross_attention_dim=6, heads=2, dim_head=2)

    def forward(self, pixels: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.attn2(pixels, encoder_hidden_states=text)
        return made


def _inputs() -> tuple[Block, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return Block(), torch.randn(2, 3, 4), torch.randn(2, 5, 6)


def test_captured_probabilities_are_each_rows_own() -> None:
    block, pixels, text = _inputs()
    plain = block(pixels, text)
    with capturing_attention(block) as captured:
        assert torch.allclose(block(pixels, text), plain, atol=1e-6)
    (found,) = captured.layers.values()
    assert found.shape == (2, 2, 3, 5)
    query, key = block.attn2.to_q(pixels), block.attn2.to_k(text)
    for row in range(2):
        for head in range(2):
            part = slice(2 * head, 2 * head + 2)
            scores = query[row, :, part] @ key[row, :, part].T / math.sqrt(2)
            assert torch.allclose(found[row, head], scores.exp() / scores.exp().sum(-1, keepdim=True), atol=1e-6)


def test_recomputation_is_not_captured_again() -> None:
    block, pixels, text = _inputs()
    with capturing_attention(block) as captured:
        made = torch.utils.checkpoint.checkpoint(block, pixels, text, use_reentrant=False)
        first = captured.layers["attn2"]
        (made.sum() + first.sum()).backward()
        assert captured.layers["attn2"] is first


def test_joined_is_the_published_norm_and_layers_count_alike() -> None:
    small, large = torch.full((1, 1, 1, 2), 0.5), torch.full((1, 1, 100, 2), 0.5)
    columns = torch.tensor([[False, True]])
    assert float(attention_loss([small, large], columns, "joined")) == pytest.approx(math.sqrt(101 * 0.25))
    assert float(attention_loss([small, large], columns, "layers")) == pytest.approx(0.5)


@pytest.mark.parametrize("norm", ["joined", "layers"])
def test_only_what_the_mask_shows_counts(norm: Literal["joined", "layers"]) -> None:
    layer = torch.rand(2, 3, 16, 4, generator=torch.Generator().manual_seed(0))
    shares = torch.zeros(2, 1, 8, 8)
    shares[0, 0, :4, :], shares[1, 0, :, 6:] = 1, 1
    columns = torch.tensor([[False, True, True, False], [True, False, False, False]])
    upper, right = [*range(8)], [n for n in range(16) if n % 4 == 3]
    squares = float(layer[0, :, upper, 1:3].square().sum() + layer[1, :, right, :1].square().sum())
    counted = 3 * (8 * 2 + 4)
    by_hand = math.sqrt(squares if norm == "joined" else squares / counted)
    assert float(attention_loss([layer], columns, norm, shares)) == pytest.approx(by_hand, rel=1e-5)


def test_rows_may_name_the_concept_with_different_numbers_of_tokens() -> None:
    layer = torch.tensor([[[[0.1, 0.2, 0.7]]], [[[0.3, 0.3, 0.4]]]])
    columns = torch.tensor([[False, True, True], [True, False, False]])
    by_hand = math.sqrt(0.2**2 + 0.7**2 + 0.3**2)
    assert float(attention_loss([layer], columns, "joined")) == pytest.approx(by_hand)
