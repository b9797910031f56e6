"""Run by Swift's own interpreter: which disk holds what, which is simple with one. FOLDER ACCOUNT CONTAINER OBJECT."""

import sys

from swift.common.ring import RingBuilder

folder, *ports = sys.argv[1:]
for kind, port in zip(("account", "container", "object"), ports, strict=True):
    builder = RingBuilder(part_power=6, replicas=1, min_part_hours=0)
    place = {"ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port)}
    builder.add_dev({"region": 1, "zone": 1, "weight": 1, "device": "disk", "meta": "", **place})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{kind}.ring.gz")
