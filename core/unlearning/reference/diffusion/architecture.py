"""The reference pipeline: Stable Diffusion of about 3 million parameters, made of stock diffusers parts."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from core.unlearning.reference.diffusion.drawing import SIZE
from core.unlearning.reference.diffusion.tokenizer import MAX_LENGTH, build_tokenizer

LATENT_SIZE = SIZE // 4
_LATENT_CHANNELS = 8
_TEXT_WIDTH = 64
_WIDTHS = (64, 96)
_HEADS = 4

# Their constructors carry no types, or wrong ones.
_AutoencoderKL: Any = AutoencoderKL
_UNet2DConditionModel: Any = UNet2DConditionModel
_DDIMScheduler: Any = DDIMScheduler
_StableDiffusionPipeline: Any = StableDiffusionPipeline


def build_pipeline(seed: int) -> StableDiffusionPipeline:
    """A freshly initialised pipeline."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    pipeline: StableDiffusionPipeline = _StableDiffusionPipeline(
        vae=_build_vae(),
        text_encoder=_build_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=_build_unet(),
        scheduler=_build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return pipeline


def _build_vae() -> Any:
    """Four pixels a latent in each direction, eight channels: with four, faces are lost."""
    return _AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=_LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=SIZE,
        mid_block_add_attention=False,
    )


def _build_text_encoder(tokenizer: Any) -> Any:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=_TEXT_WIDTH,
        intermediate_size=2 * _TEXT_WIDTH,
        projection_dim=_TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=_HEADS,
        max_position_embeddings=MAX_LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def _build_unet() -> Any:
    return _UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=_LATENT_CHANNELS,
        out_channels=_LATENT_CHANNELS,
        block_out_channels=_WIDTHS,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=_TEXT_WIDTH,
        attention_head_dim=_HEADS,
        norm_num_groups=16,
    )


def _build_scheduler() -> Any:
    """The noise of Stable Diffusion, predicted as velocity as its version 2.1 does: it learns in fewer steps."""
    return _DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
