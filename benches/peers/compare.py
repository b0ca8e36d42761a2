#!/usr/bin/env python3
"""Runs preshard and other readers of snapshots on the same files in turn, and prints tables in Markdown.

README.md says what is compared, and which environment variables say where the programs are.
"""

import argparse
import tempfile
from pathlib import Path

import machine
import pages
import tables
from comparison import Comparison, Snapshot
from programs import PEERS, PRESHARD, Program

CACHE = {
    "read": "each file's own pages were dropped, then it was read from end to end (read in)",
    "written": "each file was written anew just before (written)",
    "cold": "each file's own pages were dropped before each run (cold)",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path, help="directory of snapshots, *.rdb")
    parser.add_argument("--files", metavar="NAME,...", help="only these, without .rdb, in this order")
    parser.add_argument("--peers", metavar="WORD,...", help="only peers with one of these words in their name")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of runs; slow peers take fewer (7)")
    parser.add_argument("--cores", default="0,1", help="pin to these; one core is the first (0,1)")
    parser.add_argument("--cache", choices=CACHE, default="read", help="state of the page cache (read)")
    parser.add_argument("--runs", type=Path, metavar="FILE", help="also write every single run, as CSV")
    return parser.parse_args()


def files(options: argparse.Namespace) -> list[Path]:
    if options.files:
        return [options.corpora / f"{name}.rdb" for name in options.files.split(",")]
    return sorted(options.corpora.glob("*.rdb"))


def peers(options: argparse.Namespace) -> list[Program]:
    if options.peers is None:
        return PEERS
    words = options.peers.split(",")
    return [peer for peer in PEERS if any(word in peer.name for word in words)]


def measure(comparison: Comparison, path: Path, cache: str) -> Snapshot:
    """Brings the file into the page cache as asked for, and measures."""
    if cache == "written":
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            copy = Path(folder) / path.name
            pages.write_anew(path, copy)
            return comparison.measure(path.stem, copy)
    pages.read_in(path)
    return comparison.measure(path.stem, path)


def cache_text(cache: str, snapshots: list[Snapshot]) -> str:
    shares = [share for snapshot in snapshots for share in snapshot.cached]
    if cache == "cold":
        return CACHE[cache]
    if None in shares:
        return f"{CACHE[cache]}; without `fincore` it is not known how much of it stayed there"
    return f"{CACHE[cache]}; before and after the runs at least {min(shares):.1%} of each was there"


def main() -> None:
    options = arguments()
    cores = [int(core) for core in options.cores.split(",")]
    comparison = Comparison(cores, options.pairs, peers(options), options.cache == "cold")
    other_work = machine.OtherWork()
    snapshots = []
    for path in files(options):
        snapshots.append(measure(comparison, path, options.cache))
        if options.runs:  # after each file, as a whole comparison takes long
            options.runs.write_text(tables.runs(snapshots))
    print(f"- machine: {machine.describe(cores)}; {other_work}")
    print(f"- page cache: {cache_text(options.cache, snapshots)}")
    print(f"- measured: `preshard {' '.join(PRESHARD.arguments(Path('FILE'), 1))}`, or more threads on more cores")
    for line in comparison.versions():
        print(f"- {line}")
    print(f"\n## Speed\n\n{tables.speed(comparison, snapshots)}")
    print(f"## Against the peers\n\n{tables.peers(comparison, snapshots)}")
    print(f"## Memory\n\n{tables.memory(comparison, snapshots)}", end="")


if __name__ == "__main__":
    main()
