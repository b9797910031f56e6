"""Swift's configuration: three stores on one disk, and the proxy that speaks S3 in front of them."""

from __future__ import annotations

import getpass
import secrets
from collections.abc import Mapping
from pathlib import Path

RINGS = ("account", "container", "object")
KINDS = (*RINGS, "proxy")
FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "bulk", "s3api", "tempauth", "copy", "slo", "dlo")
SWIFT = """[swift-hash]
swift_hash_path_suffix = {suffix}
[storage-policy:0]
name = default
default = yes
"""
DEFAULT = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
user = {user}
workers = 0
log_level = WARNING
log_address = /dev/null
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
"""
STORE = """[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """[pipeline:main]
pipeline = {filters} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


def write(folder: Path, ports: Mapping[str, int], access_key: str, secret_key: str) -> None:
    """Every file that the servers read, and the folder of their one disk."""
    (folder / "devices" / "disk").mkdir(parents=True)
    (folder / "swift.conf").write_text(SWIFT.format(suffix=secrets.token_hex(8)))
    for kind, port in ports.items():
        body = _proxy(access_key, secret_key) if kind == "proxy" else STORE.format(kind=kind)
        head = DEFAULT.format(port=port, folder=folder, user=getpass.getuser())
        (folder / f"{kind}-server.conf").write_text(head + body)


def _proxy(access_key: str, secret_key: str) -> str:
    account, _, user = access_key.partition(":")
    options = {"s3api": "location = us-east-1\n", "tempauth": f"user_{account}_{user} = {secret_key} .admin\n"}
    filters = [f"[filter:{name}]\nuse = egg:swift#{name}\n{options.get(name, '')}" for name in FILTERS]
    return PROXY.format(filters=" ".join(FILTERS)) + "".join(filters)
