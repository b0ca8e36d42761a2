"""Measures preshard and its peers on one snapshot after another."""

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pages
import run
from programs import LIMIT, PRESHARD, Program

# Numbers of threads that must all give the same answer.
THREADS = (1, 2, 3, 8)


@dataclass
class Pairs:
    """Runs of preshard and of another program, taken in turn."""

    ours: list[run.Timing] = field(default_factory=list)
    theirs: list[run.Timing] = field(default_factory=list)

    def ratios(self) -> list[float]:
        """How much longer the other took, pair by pair: what disturbs one run mostly disturbs its neighbour."""
        return [b.wall_s / a.wall_s for a, b in zip(self.ours, self.theirs, strict=True)]


@dataclass
class Snapshot:
    """A file, and what was measured on it: by the name of a program and the number of cores."""

    name: str
    path: Path
    bytes: int
    keys: int
    pairs: dict[tuple[str, int], Pairs] = field(default_factory=dict)
    peaks: dict[str, run.Peak] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    cached: list[float | None] = field(default_factory=list)

    def our_wall_s(self, cores: int) -> float:
        """The median over all runs of preshard on so many cores."""
        every = [pairs.ours for (_, on), pairs in self.pairs.items() if on == cores]
        return statistics.median(timing.wall_s for runs in every for timing in runs)


class Comparison:
    """All peers that can be found, ready to be run on files that are in memory, or cold."""

    def __init__(self, cores: list[int], pairs: int, peers: list[Program], cold: bool) -> None:
        self.cores = cores
        self.core_counts = range(1, len(cores) + 1)
        self.pairs = pairs
        self.peers = peers
        self.cold = cold
        self.paths = {program.name: program.find() for program in [PRESHARD, LIMIT, *peers]}
        if self.paths[PRESHARD.name] is None:
            raise SystemExit("error: PRESHARD does not name the program, and it is not on PATH")

    def measure(self, name: str, path: Path) -> Snapshot:
        snapshot = Snapshot(name, path, path.stat().st_size, self.checked_keys(path))
        snapshot.cached.append(pages.cached_share(path))
        for count in self.core_counts:
            run.pin(set(self.cores[:count]))
            ours = run.watched(self.ours(path, count))
            snapshot.peaks[f"preshard, {cores_text(count)}"] = ours
            for program in [LIMIT, *self.peers]:
                print(f"{name}: {program.name}, {cores_text(count)}", file=sys.stderr)
                self.measure_one(snapshot, program, count)
        snapshot.cached.append(pages.cached_share(path))
        return snapshot

    def measure_one(self, snapshot: Snapshot, program: Program, count: int) -> None:
        """Pairs of runs with one program, unless it was not found or does not do the work."""
        found = self.paths[program.name]
        if found is None:
            snapshot.refusals[program.name] = "not found"
        if program.name in snapshot.refusals:
            return
        theirs = program.command(found, snapshot.path, count)
        if program.name not in snapshot.peaks:
            peak = run.watched(theirs, program.ready)
            if peak.status != 0:
                said = peak.errors.strip() or peak.output.strip()
                last = said.splitlines()[-1] if said else ""
                snapshot.refusals[program.name] = f"exit status {peak.status}: {last}"
                return
            snapshot.peaks[program.name] = peak
        pairs = snapshot.pairs[program.name, count] = Pairs()
        for _ in range(min(self.pairs, program.pairs_max)):
            pairs.ours.append(self.timed(self.ours(snapshot.path, count), snapshot.path))
            pairs.theirs.append(self.timed(theirs, snapshot.path, program.ready))

    def timed(self, command: list[str], path: Path, ready: str | None = None) -> run.Timing:
        if self.cold:
            pages.drop(path)
        return run.timed(command, ready)

    def ours(self, path: Path, threads: int) -> list[str]:
        return PRESHARD.command(self.paths[PRESHARD.name], path, threads)

    def checked_keys(self, path: Path) -> int:
        """The number of keys, once the file is known to be sound and the answer not to depend on threads."""
        answers = {threads: self.document(path, threads) for threads in THREADS}
        for threads, answer in answers.items():
            if answer != answers[1]:
                raise SystemExit(f"error: {path}: {threads} threads give another answer than one")
        [facts] = json.loads(answers[1])["inputs"]
        if facts["checksum"] != "verified":
            raise SystemExit(f"error: {path}: the checksum is {facts['checksum']}, not verified")
        return facts["keys"]

    def document(self, path: Path, threads: int) -> bytes:
        command = [*self.ours(path, threads), "--format", "json"]
        answer = subprocess.run(command, capture_output=True, check=False)
        if answer.returncode != 0:
            raise SystemExit(f"error: {' '.join(command)}: {answer.stderr.decode().strip()}")
        return answer.stdout

    def versions(self) -> list[str]:
        found = [(program, self.paths[program.name]) for program in [PRESHARD, *self.peers]]
        return [f"{program.name}: {program.version(path) if path else 'not found'}" for program, path in found]


def cores_text(count: int) -> str:
    return "one core" if count == 1 else f"{count} cores"
