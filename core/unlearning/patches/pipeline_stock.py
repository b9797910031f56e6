"""Load a diffusion patch as its users do: in a separate process, with diffusers alone.

That process runs this module, reads `StockRequest` as JSON from its input and prints `StockResult` as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.imports import importing
from core.unlearning.errors import UnlearningError
from core.unlearning.patches import half_precision

_TOLERANCE, _EPSILONS = 2e-2, 8.0
"""Of rounding, as a part of the patch's own effect; in half precision, of one layer."""
_NAME, _SECOND = "lethe", "another"
_WEIGHTS, _A, _B = "pytorch_lora_weights.safetensors", ".lora_A.weight", ".lora_B.weight"
_STEPS = 2


@dataclass(frozen=True)
class StockRequest:
    """`text`: any prompt. `second`: another patch of the same base, to be loaded together with the first."""

    base: str
    adapter: str
    text: str = "a picture"
    second: str | None = None


@dataclass(frozen=True)
class StockResult:
    """Largest absolute differences of the denoiser's output.

    In half precision `fused`, `unfused` and `merged` are those of single layers, in epsilons, see `half_precision`.
    """

    adapters: int
    """In the pipeline's list of adapters."""
    modules: int
    """Layers that hold the adapter."""
    expected: int
    """Modules that the file is for."""
    effect: float
    """Of scale 1 from the base."""
    off: float
    """Of scale 0 from the base: 0.0 means the very same bits."""
    fused: float
    """Of the fused weights from scale 1."""
    unfused: float
    """Of the weights after unfusing from the base."""
    merged: float
    """Of scale 1 from the base's weights with the file's factors multiplied out and added."""
    half: bool = False
    """Whether the pipeline is in half precision."""
    together: float | None = None
    """Of both patches from the sum of each alone, on the weights; None where there was one only."""

    def check(self) -> None:
        """Raise `UnlearningError` (`patch_does_not_fit`) unless everything is as it must be."""
        rounding = _EPSILONS if self.half else _TOLERANCE * self.effect
        faults = {
            "diffusers loads it as nothing: its tensors are not named after the unet": not self.adapters,
            f"{self.expected - self.modules} of its modules are not in the model": self.modules != self.expected,
            "scale 0 is not the base": self.off != 0.0,
            "scale 1 is the base": self.effect == 0.0,
            "scale 1 is not what its factors say": self.merged > rounding,
            "fusing changes what it does": self.fused > rounding,
            "unfusing does not give the base back": self.unfused > rounding,
            "together with another patch it does something else": (self.together or 0.0) > _TOLERANCE,
        }
        wrong = [fault for fault, there in faults.items() if there]
        if wrong:
            detail = f"The patch does not work in a stock pipeline: {wrong[0]}."
            raise UnlearningError(detail, code="patch_does_not_fit")


def check(request: StockRequest, *, timeout: float = 600) -> StockResult:
    """Look at the patch in a process of its own. Raises `UnlearningError` when it does not work there."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(  # noqa: S603 (our own module)
        [sys.executable, "-m", __name__],
        input=json.dumps(asdict(request)),
        capture_output=True,
        text=True,
        env=environment,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise UnlearningError("The patch could not be loaded by a stock pipeline.", code="patch_does_not_fit")
    found = StockResult(**json.loads(done.stdout.splitlines()[-1]))
    found.check()
    return found


def run(request: StockRequest) -> StockResult:
    """The same as `check`, in this process."""
    with importing():
        import torch
        from diffusers import DiffusionPipeline

    pipelines: Any = DiffusionPipeline
    # Left to themselves, the parts of a checkpoint in half precision load in two precisions.
    pipe = pipelines.from_pretrained(request.base, dtype=torch.float32, use_safetensors=True, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    return examine(pipe, Path(request.adapter), request.text, request.second)


def examine(pipe: Any, adapter: Path, text: str, second: str | None = None) -> StockResult:
    """The same of a pipeline that is loaded; afterwards it is as it was, to the bit."""
    import torch

    changes = _changes(adapter)
    half, base = half_precision.is_half(pipe.unet), _latents(pipe, text)
    pipe.load_lora_weights(str(adapter), weight_name=_WEIGHTS, adapter_name=_NAME)
    listed = pipe.get_list_adapters().get("unet", [])
    if _NAME not in listed:
        return StockResult(0, 0, len(changes), 0.0, 0.0, 0.0, 0.0, 0.0, half)
    modules = sum(_NAME in getattr(module, "lora_A", {}) for module in pipe.unet.modules())
    pipe.set_adapters([_NAME], [0.0])
    off = _largest(_latents(pipe, text) - base)
    pipe.set_adapters([_NAME], [1.0])
    alone = _latents(pipe, text)
    together = _together(pipe, second) if second else None
    if modules != len(changes):
        pipe.unload_lora_weights()
        return StockResult(len(listed), modules, len(changes), _largest(alone - base), off, 0.0, 0.0, 0.0, half)
    weights = {path: pipe.unet.get_submodule(path).weight for path in changes}
    before = {path: weight.detach().clone() for path, weight in weights.items()}
    merged = half_precision.output_error(pipe.unet, changes, _NAME) if half else 0.0
    pipe.fuse_lora(adapter_names=[_NAME])
    apart = partial(half_precision.weight_error, weights, before, changes)
    fused = apart(with_changes=True) if half else _largest(_latents(pipe, text) - alone)
    pipe.unfuse_lora()
    pipe.unload_lora_weights()
    unfused = apart(with_changes=False) if half else _largest(_latents(pipe, text) - base)
    with torch.no_grad():
        if not half:
            for path, weight in weights.items():
                weight.copy_(before[path] + changes[path].to(weight.device))
            merged = _largest(_latents(pipe, text) - alone)
        for path, weight in weights.items():
            weight.copy_(before[path])
    return StockResult(
        adapters=len(listed),
        modules=modules,
        expected=len(changes),
        effect=_largest(alone - base),
        off=off,
        fused=fused,
        unfused=unfused,
        merged=merged,
        half=half,
        together=together,
    )


def _changes(adapter: Path) -> dict[str, Any]:
    """What the file adds to each weight, by the path of its layer."""
    from safetensors.torch import load_file

    tensors = load_file(adapter / _WEIGHTS)
    names = [name.removesuffix(_A) for name in tensors if name.endswith(_A)]
    return {name.removeprefix("unet."): tensors[name + _B].float() @ tensors[name + _A].float() for name in names}


def _latents(pipe: Any, text: str) -> Any:
    """Of a short draw, always the same."""
    import torch

    generator = torch.Generator("cpu").manual_seed(0)
    return pipe(prompt=text, generator=generator, num_inference_steps=_STEPS, output_type="latent").images


def _together(pipe: Any, second: str) -> float:
    """How far two patches' effect on any layer is from the sum of their effects, as a part of it. Leaves the first."""
    import torch

    pipe.load_lora_weights(second, adapter_name=_SECOND)
    layers = [m for m in pipe.unet.modules() if {_NAME, _SECOND} <= set(getattr(m, "lora_A", {}))]
    generator = torch.Generator("cpu").manual_seed(0)
    inputs = [torch.randn(4, layer.in_features, generator=generator) for layer in layers]

    @torch.no_grad()
    def effects(*names: str) -> list[Any]:
        pipe.set_adapters(list(names), [1.0] * len(names))
        return [layer(x) - layer.base_layer(x) for layer, x in zip(layers, inputs, strict=True)]

    both, first, other = effects(_NAME, _SECOND), effects(_NAME), effects(_SECOND)
    pipe.delete_adapters(_SECOND)
    pipe.set_adapters([_NAME], [1.0])
    ratios = [_largest(b - f - o) / max(_largest(b), 1e-12) for b, f, o in zip(both, first, other, strict=True)]
    return max(ratios, default=0.0)


def _largest(tensor: Any) -> float:
    return float(tensor.abs().max())


def main() -> None:
    """Answer the one question on standard input."""
    found = run(StockRequest(**json.loads(sys.stdin.read())))
    print(json.dumps(asdict(found)))  # noqa: T201 (the answer to the parent)


if __name__ == "__main__":
    main()
