"""Writes what was measured as tables in Markdown, and every run as CSV."""

import csv
import io
import statistics
from collections.abc import Iterable

from comparison import Comparison, Pairs, Snapshot
from programs import LIMIT
from run import Timing

MIB = 1 << 20


def markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def speed(comparison: Comparison, snapshots: list[Snapshot]) -> str:
    head = ["file", "bytes", "keys", "cores", "s", "GB/s", "M keys/s", "share of the limit", "times one core"]
    rows = []
    for snapshot in snapshots:
        for count in comparison.core_counts:
            wall_s = snapshot.our_wall_s(count)
            limit = snapshot.pairs.get((LIMIT.name, count))
            rows.append(
                [
                    snapshot.name,
                    f"{snapshot.bytes:,}",
                    f"{snapshot.keys:,}",
                    str(count),
                    f"{wall_s:.3f}",
                    f"{snapshot.bytes / wall_s / 1e9:.2f}",
                    f"{snapshot.keys / wall_s / 1e6:.2f}",
                    spread(limit.ratios(), 2) if limit else snapshot.refusals[LIMIT.name],
                    f"{snapshot.our_wall_s(1) / wall_s:.2f}",
                ]
            )
    return markdown(head, rows)


def peers(comparison: Comparison, snapshots: list[Snapshot]) -> str:
    head = ["file", "cores", "peer", "pairs", "preshard s", "cpu s", "peer s", "cpu s", "times faster"]
    rows = []
    for snapshot in snapshots:
        for count in comparison.core_counts:
            for peer in comparison.peers:
                pairs = snapshot.pairs.get((peer.name, count))
                measured = figures(pairs) if pairs else ["0", "", "", snapshot.refusals[peer.name], "", ""]
                rows.append([snapshot.name, str(count), peer.name, *measured])
    return markdown(head, rows)


def figures(pairs: Pairs) -> list[str]:
    return [
        str(len(pairs.ours)),
        spread(walls(pairs.ours), 3),
        f"{cpu_s(pairs.ours):.3f}",
        spread(walls(pairs.theirs), 3),
        f"{cpu_s(pairs.theirs):.3f}",
        spread(pairs.ratios(), 2),
    ]


def memory(comparison: Comparison, snapshots: list[Snapshot]) -> str:
    head = ["file", "program", "peak RSS, MiB", "own, MiB", "mapped, MiB", "keys that it tells of"]
    counters = {peer.name: peer.keys_of for peer in comparison.peers}
    rows = []
    for snapshot in snapshots:
        for name, peak in snapshot.peaks.items():
            keys = counters[name](peak.output) if name in counters else None
            sizes = (peak.resident, peak.anonymous, peak.mapped)
            told = "" if keys is None else f"{keys:,}"
            rows.append([snapshot.name, name, *(f"{size / MIB:.0f}" for size in sizes), told])
    return markdown(head, rows)


def runs(snapshots: list[Snapshot]) -> str:
    """Every single run, for whoever doubts a median."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(
        ["file", "program", "cores", "pair"]
        + ["preshard_wall_s", "preshard_cpu_s", "program_wall_s", "program_cpu_s"]
    )
    for snapshot in snapshots:
        for (name, cores), pairs in snapshot.pairs.items():
            for number, (a, b) in enumerate(zip(pairs.ours, pairs.theirs, strict=True), 1):
                seconds = (a.wall_s, a.cpu_s, b.wall_s, b.cpu_s)
                out.writerow([snapshot.name, name, cores, number, *(f"{s:.6f}" for s in seconds)])
    return text.getvalue()


def spread(values: list[float], digits: int) -> str:
    """The median, and the least and the most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def walls(timings: list[Timing]) -> list[float]:
    return [timing.wall_s for timing in timings]


def cpu_s(timings: list[Timing]) -> float:
    return statistics.median(timing.cpu_s for timing in timings)
