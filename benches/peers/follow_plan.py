"""Does on a cluster what a plan of preshard's says: SETSLOT and MIGRATE, batch after batch, with its pauses."""

import time
from base64 import b64decode

from cluster import Cluster, Node


def follow(plan: dict, cluster: Cluster) -> None:
    nodes = {node.id: node for node in cluster.nodes}
    pause_per_block = plan["schedule"]["pause_per_block"] if plan["schedule"] else 0.0
    for batch in plan["batches"]:
        source, target = nodes[batch["source"]], nodes[batch["target"]]
        others = [node for node in cluster.nodes if node not in (source, target)]
        for move in batch["moves"]:
            _set_slot(target, move["slot"], "IMPORTING", source.id)
            _set_slot(source, move["slot"], "MIGRATING", target.id)
            _migrate(move, source, target, pause_per_block)
            for node in (target, source, *others):
                _set_slot(node, move["slot"], "NODE", target.id)


def _set_slot(node: Node, slot: int, state: str, of: str) -> None:
    node.connection.ask("CLUSTER", "SETSLOT", slot, state, of)


def _migrate(move: dict, source: Node, target: Node, pause_per_block: float) -> None:
    """The heavy keys by themselves, then the others as many at a time as the plan says."""

    def call(keys: list[bytes], timeout_ms: int) -> None:
        asked = time.monotonic()
        source.connection.ask("MIGRATE", "127.0.0.1", target.port, "", 0, timeout_ms, "KEYS", *keys)
        time.sleep(pause_per_block * (time.monotonic() - asked))

    for heavy in move["heavy"]:
        call([_bytes_of(heavy["key"])], heavy["timeout_ms"])
    sweep = move["sweep"]
    while sweep and (
        keys := source.connection.ask("CLUSTER", "GETKEYSINSLOT", move["slot"], sweep["keys_per_call"])
    ):
        call(keys, sweep["timeout_ms"])


def _bytes_of(name: dict[str, str]) -> bytes:
    return name["text"].encode() if "text" in name else b64decode(name["base64"])
