"""Tiny, randomly initialised models of many architectures, saved as ordinary directories with their processors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import transformers as hf

from core.unlearning.families.mllm.load import image_only
from tests.support.tiny_language_models import SMALL, Made, make_tokenizer, random_model, text_config

_TEMPLATE = (
    "{{- '<s>' -}}{%- for m in messages -%}{{- ' USER:' if m['role'] == 'user' else ' ASSISTANT:' -}}"
    "{%- for p in m['content'] -%}{{- 'IMAGE' if p['type'] == 'image' else ' ' + p['text'] -}}{%- endfor -%}"
    "{%- if m['role'] == 'assistant' -%}{{- '</s>' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- ' ASSISTANT:' -}}{%- endif -%}"
)
_VISION = {**SMALL, "image_size": 28, "patch_size": 14}
_GRID = [[28, 56], [56, 28]]
_SQUARE = {"height": 28, "width": 28}
_PROCESSOR_SETTINGS = ("num_image_tokens", "vision_feature_select_strategy", "vision_aspect_ratio", "image_seq_length")


def _template(image_token: str) -> str:
    return _TEMPLATE.replace("IMAGE", image_token)


def llava() -> Made:
    tokenizer = make_tokenizer("<image>", image_token="<image>")
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**_VISION),
        text_config=text_config(hf.LlamaConfig, tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
    )
    images = hf.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=_SQUARE)
    return config, hf.LlavaProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_template("<image>"),
    )


def llava_without_template() -> Made:
    config, processor = llava()
    processor.chat_template = None
    return config, processor


def llava_wide() -> Made:
    """Its widths are whole blocks of a 4-bit format."""
    config, processor = llava()
    config.text_config.head_dim = 16
    for part in (config.text_config, config.vision_config):
        part.hidden_size, part.intermediate_size = 64, 128
    return config, processor


def llava_next() -> Made:
    tokenizer = make_tokenizer("<image>", image_token="<image>")
    config = hf.LlavaNextConfig(
        vision_config=hf.CLIPVisionConfig(**_VISION),
        text_config=text_config(hf.LlamaConfig, tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=_GRID,
    )
    images = hf.LlavaNextImageProcessor(size={"shortest_edge": 28}, crop_size=_SQUARE, image_grid_pinpoints=_GRID)
    return config, hf.LlavaNextProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_template("<image>"),
    )


def llava_onevision() -> Made:
    tokenizer = make_tokenizer("<image>", "<video>", image_token="<image>", video_token="<video>")
    config = hf.LlavaOnevisionConfig(
        vision_config=hf.SiglipVisionConfig(**_VISION),
        text_config=text_config(hf.Qwen2Config, tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=_GRID,
        vision_feature_select_strategy="full",
        vision_aspect_ratio="anyres_max_9",
    )
    images = hf.LlavaOnevisionImageProcessor(size=_SQUARE, image_grid_pinpoints=_GRID)
    return config, image_only(hf.LlavaOnevisionProcessor)(
        images,
        tokenizer,
        None,
        num_image_tokens=4,
        vision_feature_select_strategy="full",
        chat_template=_template("<image>"),
    )


def idefics3() -> Made:
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    tokenizer = make_tokenizer(
        "<fake_token_around_image>",
        "<image>",
        "<end_of_utterance>",
        "<global-img>",
        *tiles,
        image_token="<image>",
        image_boundary_token="<fake_token_around_image>",
        global_image_token="<global-img>",
    )
    config = hf.Idefics3Config(
        vision_config=_VISION,
        text_config=text_config(hf.LlamaConfig, tokenizer),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=1,
        pad_token_id=0,
    )
    images = hf.Idefics3ImageProcessor(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    return config, hf.Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=_template("<image>"))


def gemma3() -> Made:
    tokenizer = make_tokenizer(
        "<start_of_image>",
        "<end_of_image>",
        "<image_soft_token>",
        image_token="<image_soft_token>",
        boi_token="<start_of_image>",
        eoi_token="<end_of_image>",
    )
    config = hf.Gemma3Config(
        text_config=text_config(hf.Gemma3TextConfig, tokenizer, head_dim=8, sliding_window=64),
        vision_config=hf.SiglipVisionConfig(**_VISION, vision_use_head=False),
        mm_tokens_per_image=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image_soft_token>"),
        boi_token_index=tokenizer.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=tokenizer.convert_tokens_to_ids("<end_of_image>"),
    )
    images = hf.Gemma3ImageProcessor(size=_SQUARE)
    return config, hf.Gemma3Processor(
        images, tokenizer, image_seq_length=4, chat_template=_template("<start_of_image>")
    )


def internvl() -> Made:
    tokenizer = make_tokenizer(
        "<img>",
        "</img>",
        "<IMG_CONTEXT>",
        "<video>",
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    config = hf.InternVLConfig(
        vision_config={**_VISION, "image_size": [28, 28], "patch_size": [14, 14]},
        text_config=text_config(hf.Qwen2Config, tokenizer),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        downsample_ratio=0.5,
        image_seq_length=1,
    )
    images = hf.GotOcr2ImageProcessor(size=_SQUARE, crop_to_patches=True, max_patches=3)
    return config, image_only(hf.InternVLProcessor)(
        images, tokenizer, None, image_seq_length=1, chat_template=_template("<IMG_CONTEXT>")
    )


def _qwen(config_class: type[Any], processor_class: type[Any], **vision: Any) -> Made:
    specials = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    tokenizer = make_tokenizer(*specials, image_token="<|image_pad|>", video_token="<|video_pad|>")
    ids = [tokenizer.convert_tokens_to_ids(token) for token in specials]
    config = config_class(
        vision_config={"depth": 2, "num_heads": 4, "patch_size": 14, "spatial_merge_size": 2, **vision},
        text_config={
            **text_config(hf.Qwen2Config, tokenizer).to_dict(),
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
        },
        vision_start_token_id=ids[0],
        vision_end_token_id=ids[1],
        image_token_id=ids[2],
        video_token_id=ids[3],
    )
    images = hf.Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=56 * 56)
    template = _template("<|vision_start|><|image_pad|><|vision_end|>")
    return config, image_only(processor_class)(images, tokenizer, None, chat_template=template)


def qwen2_vl() -> Made:
    return _qwen(hf.Qwen2VLConfig, hf.Qwen2VLProcessor, embed_dim=32, hidden_size=32, mlp_ratio=2)


def qwen2_5_vl() -> Made:
    vision = {"hidden_size": 32, "intermediate_size": 48, "out_hidden_size": 32, "fullatt_block_indexes": [1]}
    return _qwen(hf.Qwen2_5_VLConfig, hf.Qwen2_5_VLProcessor, **vision, window_size=56)


ARCHITECTURES: dict[str, Callable[[], Made]] = {
    builder.__name__: builder
    for builder in (
        llava,
        llava_without_template,
        llava_wide,
        llava_next,
        llava_onevision,
        idefics3,
        gemma3,
        internvl,
        qwen2_vl,
        qwen2_5_vl,
    )
}


def save(name: str, folder: Path) -> Path:
    """Save a randomly initialised model of that architecture."""
    config, processor = ARCHITECTURES[name]()
    random_model(hf.AutoModelForImageTextToText, config).save_pretrained(folder)
    _save_processor(processor, folder)
    return folder


def _save_processor(processor: Any, folder: Path) -> None:
    if getattr(processor, "video_processor", 0) is not None:
        processor.save_pretrained(folder)
        return
    processor.image_processor.save_pretrained(folder)
    processor.tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(processor.chat_template)
    settings = {key: getattr(processor, key) for key in _PROCESSOR_SETTINGS if hasattr(processor, key)}
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": type(processor).__name__, **settings}))
