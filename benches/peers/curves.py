#!/usr/bin/env python3
"""Shows how time per key and memory go with the size of a file: neither shall depend on it.

One snapshot of small strings after another is generated, read in, measured and removed, so that the disk has to hold
only the largest. README.md says more.
"""

import argparse
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import machine
import pages
import run
import tables
from comparison import cores_text
from programs import PRESHARD

MILLION = 1_000_000
# About 85 bytes a key: 0.085 to 16 GB.
KEYS_MILLIONS = [1, 2, 5, 12, 24, 47, 100, 188]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", help="command with {keys} and {file} in it that writes such a snapshot")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where there is room for the largest (.)")
    parser.add_argument("--millions", metavar="N,...", help="millions of keys (1 to 188)")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each (5)")
    parser.add_argument("--cores", default="0,1", help="pin to these; one core is the first (0,1)")
    return parser.parse_args()


def measure(path: Path, keys: int, preshard: str, cores: list[int], runs: int) -> list[list[str]]:
    """One row for each number of cores."""
    pages.read_in(path)
    size = path.stat().st_size
    rows = []
    for count in range(1, len(cores) + 1):
        run.pin(set(cores[:count]))
        command = PRESHARD.command(preshard, path, count)
        peak = run.watched(command)
        if peak.status != 0:
            raise SystemExit(f"error: {' '.join(command)}: exit status {peak.status}: {peak.errors}")
        walls = tables.walls([run.timed(command) for _ in range(runs)])
        wall_s = statistics.median(walls)
        memory = (peak.resident, peak.anonymous, peak.mapped)
        rows.append(
            [
                f"{keys / MILLION:g}",
                f"{size / 1e9:.2f}",
                cores_text(count),
                tables.spread(walls, 3),
                f"{wall_s / keys * 1e9:.1f}",
                f"{size / wall_s / 1e9:.2f}",
                *(f"{n / tables.MIB:.0f}" for n in memory),
            ]
        )
    return rows


def main() -> None:
    options = arguments()
    cores = [int(core) for core in options.cores.split(",")]
    millions = [int(n) for n in options.millions.split(",")] if options.millions else KEYS_MILLIONS
    preshard = PRESHARD.find() or sys.exit("error: PRESHARD does not name the program, and it is not on PATH")
    other_work = machine.OtherWork()
    rows = []
    for keys in (n * MILLION for n in millions):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "small.rdb"
            words = [word.format(keys=keys, file=path) for word in shlex.split(options.generator)]
            run.pin(set(cores))
            subprocess.run(words, stdout=sys.stderr, check=True)
            rows += measure(path, keys, preshard, cores, options.runs)
    print(f"- machine: {machine.describe(cores)}; {other_work}")
    print("- page cache: each file's own pages were dropped, then it was read from end to end (read in)")
    print(f"- {PRESHARD.version(preshard)}, `{' '.join(PRESHARD.arguments(Path('FILE'), 1))}`\n")
    head = ["M keys", "GB", "cores", "s", "ns a key", "GB/s", "peak RSS, MiB", "own, MiB", "mapped, MiB"]
    print(tables.markdown(head, rows), end="")


if __name__ == "__main__":
    main()
