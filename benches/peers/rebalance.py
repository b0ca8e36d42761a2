#!/usr/bin/env python3
"""Sets the slots that `redis-cli --cluster rebalance` moves beside those of a plan, and prints a table in Markdown.

Each shape of data fills a real cluster, of which a backup is taken. redis-cli rebalances it; then the cluster is put back
and the plan that preshard makes from the backup is carried out. README.md says what the columns are.
"""

import argparse
import heapq
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

import machine
from cluster import Cluster, Failed, running, said_by
from follow_plan import follow
from programs import PRESHARD
from shapes import PRIMARIES, SHAPES, Shape
from silence import Silence

SEED = 6
# --cluster-pipeline of redis-cli.
KEYS_PER_CALL = 10
# In the predicted time of every key by itself.
CALL_FIXED_MS = 0.1

Owners = dict[int, str]


@dataclass
class SlotFacts:
    """What preshard says of the keys of a slot, each by itself."""

    keys: int = 0
    memory_bytes: int = 0
    payload_bytes: int = 0
    slowest_ms: list[float] = field(default_factory=list)

    def add(self, key: dict) -> None:
        self.keys += 1
        self.memory_bytes += key["memory_bytes_estimate"]
        self.payload_bytes += key["payload_bytes"]
        # The slowest that one call of redis-cli can carry.
        push = heapq.heappush if len(self.slowest_ms) < KEYS_PER_CALL else heapq.heappushpop
        push(self.slowest_ms, key["block_ms_estimate"])

    def worst_call_ms(self) -> float:
        """The call that happens to carry the slowest keys; what every call costs is paid once."""
        return sum(self.slowest_ms) - CALL_FIXED_MS * (len(self.slowest_ms) - 1)


@dataclass(frozen=True)
class Run:
    """What was seen while slots moved."""

    owners: Owners
    took_s: float
    slowest_migrate_s: float
    silence_s: float
    data_bytes: dict[str, int]


class Backup:
    """What preshard says of a backup."""

    def __init__(self, preshard: str, allocator: str, cluster: Cluster, shape: Shape) -> None:
        self._preshard = preshard
        self._input = ["--no-progress", "--allocator", allocator, cluster.backup]
        self._shape = shape
        self.weights = dict(zip((node.id for node in cluster.nodes), shape.weights, strict=True))
        self.slots: defaultdict[int, SlotFacts] = defaultdict(SlotFacts)
        for line in said_by([self._preshard, "keys", "--format", "ndjson", *self._input]).splitlines():
            key = json.loads(line)
            self.slots[key["slot"]].add(key)

    def plan(self, by_consent: bool) -> dict:
        ids = list(self.weights)
        goal = [word for id in ids[PRIMARIES:] for word in ("--add", id)]
        goal += [word for id, weight in self.weights.items() if weight == 0 for word in ("--drain", id)]
        unequal = [f"{id}={weight}" for id, weight in self.weights.items() if weight > 1]
        goal += ["--weights", ",".join(unequal)] if unequal else []
        if self._shape.new_nodes == 0 and 0 not in self._shape.weights:
            goal.append("--rebalance")
        goal += ["--allow-oversized"] if by_consent else []
        # Status 4 is a plan that falls short of its goal, and says why.
        command = [self._preshard, "plan", "--format", "json", *goal, *self._input]
        return json.loads(said_by(command, accept=(0, 4)))

    def total(self, slots: list[int], of: str) -> int:
        return sum(getattr(self.slots[slot], of) for slot in slots if slot in self.slots)

    def memory_of_nodes(self, owners: Owners) -> dict[str, int]:
        held = dict.fromkeys(self.weights, 0)
        for slot, facts in self.slots.items():
            held[owners[slot]] += facts.memory_bytes
        return held

    def spread(self, held: dict[str, int]) -> tuple[float, float]:
        """The fullest and the emptiest node against their shares: 0 is even."""
        whole, weights = sum(held.values()), sum(self.weights.values())
        against = [held[id] * weights / (whole * weight) - 1 for id, weight in self.weights.items() if weight]
        return max(against), min(against)

    def left_bytes(self, owners: Owners) -> int:
        """What is still on nodes that were to be emptied."""
        held = self.memory_of_nodes(owners)
        return sum(held[id] for id, weight in self.weights.items() if weight == 0)


def rebalance(shape: Shape, cluster: Cluster) -> None:
    """As redis-cli does with these weights. Its threshold of 2 % of the slots is left as it is."""
    command = [cluster.cli, "--cluster", "rebalance", cluster.nodes[0].address]
    weights = [f"{node.id}={weight}" for node, weight in zip(cluster.nodes, shape.weights, strict=True) if weight != 1]
    command += ["--cluster-weight", *weights] if weights else []
    command += ["--cluster-use-empty-masters"] if shape.new_nodes else []
    said_by(command)


def watched(cluster: Cluster, runs: int, move: Callable[[], None]) -> Run:
    """The first of several runs, with the medians of what was timed in all of them."""
    seen = [_watched_once(cluster, move) for _ in range(runs)]
    names = ("took_s", "slowest_migrate_s", "silence_s")
    timed = {name: statistics.median(getattr(run, name) for run in seen) for name in names}
    return replace(seen[0], **timed)


def _watched_once(cluster: Cluster, move: Callable[[], None]) -> Run:
    cluster.put_back()
    keys = cluster.keys()
    with Silence([node.port for node in cluster.nodes]) as silence:
        began = time.monotonic()
        move()
        took_s = time.monotonic() - began
    cluster.check()
    if cluster.keys() != keys:
        raise Failed(f"{keys} keys became {cluster.keys()}")
    return Run(cluster.owners(), took_s, cluster.slowest_migrate_s(), silence.worst_s, cluster.data_bytes())


def rows(shape: Shape, servers: Path, preshard: str, allocator: str, runs: int) -> Iterator[str]:
    with running(servers, PRIMARIES, shape.new_nodes) as cluster:
        cluster.fill(shape.fill(Random(SEED)))
        before = cluster.owners()
        cluster.back_up()
        backup = Backup(preshard, allocator, cluster, shape)
        whole = backup.total(list(backup.slots), "memory_bytes")
        fullest, emptiest = backup.spread(backup.memory_of_nodes(before))
        head = f"{shape.name}: {shape.goal}; {whole / 1e6:.0f} MB"
        yield f"| {head} | as it is | | | | | {fullest:+.1%} | {emptiest:+.1%} | | | | | |"

        run = watched(cluster, runs, lambda: rebalance(shape, cluster))
        yield _row("redis-cli", backup, before, run, *_calls_of_redis_cli(backup, _moved(before, run.owners)))
        for by_consent in (False, True) if shape.with_consent else (False,):
            plan = backup.plan(by_consent)
            run = watched(cluster, runs, partial(follow, plan, cluster))
            _check(plan, backup, before, run)
            name = "preshard, by consent" if by_consent else "preshard"
            worst_ms = plan["totals"]["worst_block_us"] / 1000
            name = f"{name}: {plan['outcome']['result']}"
            yield _row(name, backup, before, run, plan["totals"]["calls"], worst_ms)


def _calls_of_redis_cli(backup: Backup, moved: list[int]) -> tuple[int, float]:
    with_keys = [backup.slots[slot] for slot in moved if slot in backup.slots]
    calls = sum(-(-facts.keys // KEYS_PER_CALL) for facts in with_keys)
    return calls, max((facts.worst_call_ms() for facts in with_keys), default=0.0)


def _check(plan: dict, backup: Backup, before: Owners, run: Run) -> None:
    planned = {move["slot"]: batch["target"] for batch in plan["batches"] for move in batch["moves"]}
    if planned != {slot: run.owners[slot] for slot in _moved(before, run.owners)}:
        raise Failed("what moved is not what was planned")
    if plan["totals"]["moved"]["memory_bytes"] != backup.total(list(planned), "memory_bytes"):
        raise Failed("the plan counts other bytes than its keys have")


def _moved(before: Owners, after: Owners) -> list[int]:
    return [slot for slot, owner in after.items() if before[slot] != owner]


def _row(name: str, backup: Backup, before: Owners, run: Run, calls: int, worst_ms: float) -> str:
    moved = _moved(before, run.owners)
    fullest, emptiest = backup.spread(backup.memory_of_nodes(run.owners))
    measured, _ = backup.spread(run.data_bytes)
    left = backup.left_bytes(run.owners)
    cells = [
        "",
        name,
        f"{len(moved):,}",
        f"{backup.total(moved, 'memory_bytes') / 1e6:.1f}",
        f"{backup.total(moved, 'payload_bytes') / 1e6:.1f}",
        f"{calls:,}",
        f"{fullest:+.1%} ({measured:+.1%})",
        f"{emptiest:+.1%}",
        f"{left / 1e6:.1f}" if 0 in backup.weights.values() else "-",
        f"{worst_ms:.1f}" if moved else "-",
        f"{run.slowest_migrate_s * 1000:.0f}" if moved else "-",
        f"{run.silence_s * 1000:.0f}" if moved else "-",
        f"{run.took_s:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("servers", type=Path, help="directory with run-server and run-cli of Redis 7.0 or newer")
    parser.add_argument("--allocator", default="je3", help="of these servers, as preshard names it (default je3)")
    parser.add_argument("--shape", type=int, choices=range(1, len(SHAPES) + 1), help="only this one (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="of each way, for the medians of what is timed (default 3)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    preshard = PRESHARD.find()
    if not preshard:
        sys.exit("error: no preshard; see README.md")
    server = said_by([options.servers / "run-server", "--version"]).split()
    print(f"- machine: {machine.describe(sorted(os.sched_getaffinity(0)))}")
    print(f"- {PRESHARD.version(preshard)}; server and redis-cli {server[2].removeprefix('v=')}")
    other_work = machine.OtherWork()
    print(
        "\n| data: goal | moved by | slots | memory, MB | payload, MB | calls | fullest (measured) | emptiest | left, MB "
        "| worst call predicted, ms | slowest MIGRATE, ms | worst PING, ms | took, s |"
    )
    print("|" + " --- |" * 13)
    for shape in [SHAPES[options.shape - 1]] if options.shape else SHAPES:
        for line in rows(shape, options.servers, preshard, options.allocator, options.runs):
            print(line, flush=True)
    print(f"\n- {other_work}")


if __name__ == "__main__":
    main()
