"""Configuration of a two-branch classifier. Stands alone: it is copied into checkpoints, for users without Lethe."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec


class AudioVisualConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """One encoder a modality, each of any kind that `AutoModel` makes from its configuration; classes by `id2label`."""

    model_type = "lethe-audiovisual"
    sub_configs_defaults: ClassVar[Any] = {
        "vision_config": SubConfigSpec(config_class=AutoConfig, model_type="vit"),
        "audio_config": SubConfigSpec(config_class=AutoConfig, model_type="audio-spectrogram-transformer"),
    }

    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    audio_config: dict[str, Any] | PreTrainedConfig | None = None
