#!/usr/bin/env python3
"""Compares what tools say of the memory of a snapshot's keys with servers that load it, and prints a table in Markdown.

Each PAIR is FILE=SERVER: a snapshot, and the program of a server that can load it. README.md says which environment
variables name the tools.
"""

import argparse
import csv
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import machine
from connection import PATIENCE_S, Connection, free_port
from programs import PRESHARD, Program

# After a load a server moves tables into larger ones for a while; and its clock stirs a few small ones without end.
READING_EVERY_S = 0.15
SAME_READINGS = 10
STIR_BYTES = 1024

Key = tuple[int, bytes]  # database and name


class Failed(Exception):
    """A tool that gave no figures, and what it said last."""


@contextmanager
def running(program: str, snapshot: Path | None) -> Iterator[Connection]:
    """A server on loopback that has loaded the snapshot, or is empty. It ends by its process id."""
    with tempfile.TemporaryDirectory() as folder:
        if snapshot:
            shutil.copy(snapshot, Path(folder) / "dump.rdb")
        port = free_port()
        options = {
            "port": port,
            "bind": "127.0.0.1",
            "dir": folder,
            "dbfilename": "dump.rdb",
            "save": "",
            "appendonly": "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        log = Path(folder) / "log"
        with log.open("wb") as output:
            child = subprocess.Popen([program, *words], stdout=output, stderr=output)
        connection = None
        try:
            connection = _ready(child, port, log)
            yield connection
        finally:
            if connection:
                connection.close()
            child.kill()
            child.wait()


def _ready(child: subprocess.Popen, port: int, log: Path) -> Connection:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise Failed(log.read_text(errors="replace").strip().rpartition("\n")[2])
        try:
            connection = Connection(port)
            info = connection.info()
        except (OSError, RuntimeError):
            time.sleep(0.05)
            continue
        # Another program may have taken the port in between; a server that loads already answers.
        if int(info["process_id"]) == child.pid and info["loading"] == "0":
            return connection
        connection.close()
        time.sleep(0.05)
    raise Failed("not ready")


def settled(connection: Connection) -> int:
    """`used_memory` when it no longer changes."""
    deadline = time.monotonic() + PATIENCE_S
    last, same = 0, 0
    while same < SAME_READINGS or _tables_on_the_move(connection):
        if time.monotonic() > deadline:
            raise Failed("used_memory does not settle")
        time.sleep(READING_EVERY_S)
        used = int(connection.info()["used_memory"])
        same = same + 1 if abs(used - last) <= STIR_BYTES else 0
        last = used
    return last


def _tables_on_the_move(connection: Connection) -> int:
    """Main tables between two sizes; servers before 7.4 do not tell."""
    answers = connection.ask("MEMORY", "STATS")
    return dict(zip(answers[::2], answers[1::2], strict=True)).get(b"db.dict.rehashing.count", 0)


@dataclass(frozen=True)
class Truth:
    """What a server says of a snapshot that it loaded."""

    name: str
    target: str
    allocator: str
    usage: dict[Key, int]
    grown: int


def ask_server(program: str, snapshot: Path, quantum: int) -> Truth:
    with running(program, None) as connection:
        empty = settled(connection)
    with running(program, snapshot) as connection:
        grown = settled(connection) - empty
        info = connection.info()
        usage = {}
        for database in [int(field[2:]) for field in info if re.fullmatch(r"db\d+", field)]:
            connection.ask("SELECT", database)
            names = _names(connection)
            answers = connection.ask_all([("MEMORY", "USAGE", name, "SAMPLES", 0) for name in names])
            usage |= {(database, name): answer for name, answer in zip(names, answers, strict=True)}
    family = "valkey" if "valkey_version" in info else "redis"
    version = info[f"{family}_version"]
    return Truth(
        name=f"{family.capitalize()} {version}, {info['mem_allocator']}",
        target=f"{family}-{'.'.join(version.split('.')[:2])}",
        allocator=_allocator(info["mem_allocator"], quantum),
        usage=usage,
        grown=grown,
    )


def _names(connection: Connection) -> list[bytes]:
    names: dict[bytes, None] = {}  # a scan may give a key twice
    cursor = b"0"
    while True:
        cursor, some = connection.ask("SCAN", cursor, "COUNT", 1000)
        names |= dict.fromkeys(some)
        if cursor == b"0":
            return list(names)


def _allocator(told: str, quantum: int) -> str:
    """As preshard names it. Servers tell jemalloc's version, but not how large the quantum of its classes is."""
    if told == "libc":
        return "glibc"
    version = tuple(int(part) for part in re.findall(r"\d+", told))
    return f"je{int(math.log2(quantum))}{'p' if version >= (5, 3, 1) else ''}"


@dataclass(frozen=True)
class Estimates:
    """What a tool says: bytes of each key, and of all together where it has a figure of its own for that."""

    keys: dict[Key, int]
    loaded: int | None = None


def _output_of(command: list[str]) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise Failed(said.rpartition("\n")[2] or f"exit status {done.returncode}")
    return done.stdout


def ask_preshard(path: str, snapshot: Path, truth: Truth) -> Estimates:
    options = ["--no-progress", "--standalone", "--target", truth.target, "--allocator", truth.allocator, str(snapshot)]
    keys = {}
    for line in _output_of([path, "keys", "--format", "ndjson", *options]).splitlines():
        key = json.loads(line)
        name = key["key"]
        name = name["text"].encode() if "text" in name else b64decode(name["base64"])
        if key["memory_usage_estimate"] is not None:
            keys[key["db"], name] = key["memory_usage_estimate"]
    report = json.loads(_output_of([path, "inspect", "--format", "json", *options]))
    return Estimates(keys, report["files"][0]["loaded_memory"]["used_bytes"])


def ask_rdbtools(path: str, snapshot: Path, _truth: Truth) -> Estimates:
    # It does not quote, so that a name is what stands between the columns around it.
    columns = re.compile(rb"(\d+),[a-z]+,(.*),(\d+),[^,]*,\d+,\d+,[^,]*")
    lines = _output_of([path, "-c", "memory", "--escape", "raw", str(snapshot)]).split(b"\n")
    rows = filter(None, map(columns.fullmatch, lines))
    return Estimates({(int(row[1]), row[2]): int(row[3]) for row in rows})


def ask_hdt(path: str, snapshot: Path, _truth: Truth) -> Estimates:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "memory.csv"
        said = _output_of([path, "-c", "memory", "-o", str(table), str(snapshot)])
        if b"error: " in said:  # its exit status is 0 all the same
            raise Failed(said.decode(errors="replace").strip())
        with table.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            keys = {}
            for line in csv.DictReader(file):
                name = line["key"].encode("utf-8", "surrogateescape")
                keys[int(line["database"]), name] = int(line["size"])
            return Estimates(keys)


def _no_arguments(_file: Path, _threads: int) -> list[str]:
    return []


TOOLS: list[tuple[Program, Callable[[str, Path, Truth], Estimates]]] = [
    (PRESHARD, ask_preshard),
    (Program("redis-rdb-tools", "RDBTOOLS", "rdb", _no_arguments, help_says="justkeyvals"), ask_rdbtools),
    (Program("HDT3213/rdb", "HDT_RDB", "hdt3213-rdb", _no_arguments), ask_hdt),
]


def written_by(snapshot: Path) -> str:
    """The server that wrote a snapshot, and the version of its format, from the first bytes."""
    head = snapshot.read_bytes()[:64]
    found = re.search(rb"(redis|valkey)-ver.(\d+\.\d+\.\d+)", head, re.DOTALL)
    format_version = re.match(rb"[A-Z]+(\d+)", head)
    if not found or not format_version:
        return snapshot.name
    return f"{found[1].decode().capitalize()} {found[2].decode()} (RDB {int(format_version[1])})"


def row(estimates: Estimates, truth: Truth) -> str:
    known = {key: estimates.keys[key] for key in truth.usage if key in estimates.keys}
    if not known:
        raise Failed("no key of the server's")
    errors = sorted(abs(size / truth.usage[key] - 1) for key, size in known.items())
    p99 = errors[math.ceil(len(errors) * 0.99) - 1]
    total = sum(known.values())
    answered = sum(truth.usage.values())
    loaded = total if estimates.loaded is None else estimates.loaded
    keys = f"{len(known):,}" if len(known) == len(truth.usage) else f"{len(known):,} of {len(truth.usage):,}"
    return (
        f"{keys} | {statistics.median(errors):.2%} | {p99:.2%} | "
        f"{total / answered - 1:+.3%} | {loaded / truth.grown - 1:+.3%}"
    )


def pair(text: str) -> tuple[Path, str]:
    file, _, server = text.rpartition("=")
    found = shutil.which(server)
    if not file or found is None:
        raise argparse.ArgumentTypeError(f"{text} is not FILE=SERVER, or SERVER is not a program")
    return Path(file), found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", metavar="FILE=SERVER", nargs="+", type=pair, help="a snapshot, and who loads it")
    parser.add_argument(
        "--quantum",
        type=int,
        choices=(8, 16),
        default=8,
        help="of the servers' jemalloc: 8 as Redis and Valkey bundle it (the default), 16 as Debian builds it",
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    print(f"- machine: {machine.describe(sorted(os.sched_getaffinity(0)))}")
    for program, _ in TOOLS:
        path = program.find()
        if path and program.asks_version:
            print(f"- {program.version(path)}")
    print("\n| tool | file -> server | keys | median | p99 | sum, MEMORY USAGE | sum, used_memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for snapshot, server in options.pairs:
        truth = ask_server(server, snapshot, options.quantum)
        for program, ask in TOOLS:
            path = program.find()
            try:
                figures = row(ask(path, snapshot, truth), truth) if path else "not found | | | |"
            except Failed as failed:
                figures = f"{str(failed).replace('|', ' ')} | | | |"
            print(f"| {program.name} | {written_by(snapshot)} -> {truth.name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
