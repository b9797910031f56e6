"""Logits of a base model with a patch, by stock libraries only: run as a script, imports nothing of Lethe.

python stock_logits.py BASE ADAPTER INPUTS.safetensors OUT.safetensors DTYPE
"""

import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

base, adapter, inputs, out, name = sys.argv[1:]
dtype = getattr(torch, name)
given = {key: value.to(dtype) if value.is_floating_point() else value for key, value in load_file(inputs).items()}
model = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(base), adapter).to(dtype).eval()
with torch.no_grad():
    save_file({"logits": model(**given).logits.contiguous()}, out)
