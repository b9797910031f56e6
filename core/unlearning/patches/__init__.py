"""The patch bundle: write an adapter, pack and sign it, verify it offline, load it with stock libraries.

Importing this package loads no torch; `modules`, `supertuning`, `lora_export` and `stock` need it.
"""
