"""What methods do to the memory of a multimodal language model: the structure of S-MLLMUn Bench, on any model."""
