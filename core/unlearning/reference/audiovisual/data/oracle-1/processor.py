"""Pictures and clips into tensors. Stands alone: it is copied into checkpoints, for users without Lethe."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly
from transformers import BatchFeature, ProcessorMixin


class AudioVisualProcessor(ProcessorMixin):
    """An image processor and a feature extractor of sound side by side."""

    def __init__(self, image_processor: Any, feature_extractor: Any) -> None:
        super().__init__(image_processor, feature_extractor)  # type: ignore[no-untyped-call]

    def __call__(
        self,
        images: Any = None,
        audio: Sequence[NDArray[np.float32]] | None = None,
        sampling_rate: int | None = None,
        return_tensors: str = "pt",
    ) -> BatchFeature:
        """`pixel_values` of pictures, `input_values` of clips (one channel each, at `sampling_rate`)."""
        made: dict[str, Any] = {}
        if images is not None:
            made["pixel_values"] = self.image_processor(images, return_tensors=return_tensors)["pixel_values"]
        if audio is not None:
            rate = int(self.feature_extractor.sampling_rate)
            clips = [resample(clip, sampling_rate or rate, rate) for clip in audio]
            heard = self.feature_extractor(clips, sampling_rate=rate, return_tensors=return_tensors, **self._padding())
            made["input_values"] = heard["input_values"]
        return BatchFeature(made)

    def _padding(self) -> dict[str, bool]:
        """Extractors of features pad to their own length; those of waveforms are told to, to the longest."""
        return {} if hasattr(self.feature_extractor, "max_length") else {"padding": True}


def resample(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """The clip at another rate, band-limited."""
    if rate == wanted:
        return samples
    common = gcd(rate, wanted)
    made: NDArray[np.float32] = resample_poly(samples, wanted // common, rate // common).astype(np.float32)
    return made
