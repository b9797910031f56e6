"""Makes the two-branch classifier known to transformers, and lets it save its own code beside its weights."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, AutoModel, AutoProcessor

from core.unlearning.families.audiovisual.model.configuration import AudioVisualConfig
from core.unlearning.families.audiovisual.model.modeling import AudioVisualForClassification
from core.unlearning.families.audiovisual.model.processor import AudioVisualProcessor

# Their methods carry no types.
_CONFIG: Any = AudioVisualConfig
_MODEL: Any = AudioVisualForClassification
_PROCESSOR: Any = AudioVisualProcessor
_MODELS: Any = AutoModel
_PROCESSORS: Any = AutoProcessor


def register() -> None:
    """Afterwards `AutoConfig`, `AutoModel` and `AutoProcessor` load such checkpoints without any code of their own."""
    AutoConfig.register(_CONFIG.model_type, _CONFIG, exist_ok=True)
    _MODELS.register(_CONFIG, _MODEL, exist_ok=True)
    _PROCESSORS.register(_CONFIG, _PROCESSOR, exist_ok=True)
    _CONFIG.register_for_auto_class()
    _MODEL.register_for_auto_class("AutoModel")
    _PROCESSOR.register_for_auto_class()
