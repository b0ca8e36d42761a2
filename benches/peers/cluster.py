"""A cluster on loopback that can be put back to where it began, so that two ways of moving slots start alike."""

import binascii
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connection import PATIENCE_S, Connection

SLOTS = 16_384
# Below the ports that the kernel hands out, with room for the bus port.
PORTS = range(18_000, 28_000)
BUS_PORT_OFFSET = 10_000
OPTIONS = {
    "bind": "127.0.0.1",
    "save": "",
    "appendonly": "no",
    "cluster-enabled": "yes",
    # An emptied node would become a replica of another.
    "cluster-allow-replica-migration": "no",
    # A backup is a replication; without this each node waits five seconds for company.
    "repl-diskless-sync-delay": "0",
    # Every command of a millisecond and more, with its time.
    "slowlog-log-slower-than": "1000",
    "slowlog-max-len": "1000000",
}

NOT_DATA = (
    "used_memory_startup",
    "mem_clients_normal",
    "mem_clients_slaves",
    "mem_total_replication_buffers",
    "mem_cluster_links",
)


class Failed(Exception):
    """A cluster or a program that did not do what it was asked."""


def slot_of(key: bytes) -> int:
    """The hash slot: CRC16 (XMODEM) of the hash tag, or of the whole name where there is none."""
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    hashed = key[start + 1 : end] if start >= 0 and end > start + 1 else key
    return binascii.crc_hqx(hashed, 0) % SLOTS


def said_by(command: list[str | Path], accept: tuple[int, ...] = (0,)) -> str:
    """What a program prints; its errors are ours."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in accept:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise Failed(f"{Path(command[0]).name} ended with {done.returncode}: {said}")
    return done.stdout


@dataclass
class Node:
    """A server and its folder."""

    port: int
    folder: Path
    process: subprocess.Popen | None = None
    connection: Connection | None = None
    id: str = ""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self, program: Path) -> None:
        options = OPTIONS | {"port": str(self.port), "dir": str(self.folder)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([program, *words], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while self.connection is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed((self.folder / "log").read_text(errors="replace")[-500:])
            try:
                connection = Connection(self.port)
                info = connection.info()
            except (OSError, RuntimeError):
                time.sleep(0.05)
                continue
            # Another program may have taken the port in between; a server that loads already answers.
            if int(info["process_id"]) == self.process.pid and info["loading"] == "0":
                self.connection = connection
        self.id = self.connection.ask("CLUSTER", "MYID").decode()

    def stop(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Cluster:
    """Primaries without replicas, of which the last few may have no slots."""

    def __init__(self, servers: Path, folder: Path, with_slots: int, without: int) -> None:
        self._program = servers / "run-server"
        self.cli = servers / "run-cli"
        self.backup = folder / "backup"
        ports = _free_ports(with_slots + without)
        self.nodes = [Node(port, folder / f"node-{port}") for port in ports]
        try:
            self._form(with_slots)
        except BaseException:
            self.stop()
            raise

    def _form(self, with_slots: int) -> None:
        for node in self.nodes:
            node.folder.mkdir()
            node.start(self._program)
        first = self.nodes[0]
        addresses = [node.address for node in self.nodes[:with_slots]]
        said_by([self.cli, "--cluster", "create", *addresses, "--cluster-replicas", "0", "--cluster-yes"])
        for node in self.nodes[with_slots:]:
            first.connection.ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        self._wait_until_whole()

    def fill(self, commands: Iterable[tuple]) -> None:
        """Sends each command to the owner of the key that is its second word."""
        owners = self.owners()
        by_id = {node.id: node for node in self.nodes}
        waiting: dict[str, list[tuple]] = {node.id: [] for node in self.nodes}
        for command in commands:
            owner = owners[slot_of(command[1])]
            waiting[owner].append(command)
            if len(waiting[owner]) == 1000:
                by_id[owner].connection.ask_all(waiting[owner])
                waiting[owner] = []
        for owner, rest in waiting.items():
            by_id[owner].connection.ask_all(rest)

    def back_up(self) -> None:
        """As operators do. The exit status is 0 as well when the cluster was not in order."""
        self.backup.mkdir()
        said = said_by([self.cli, "--cluster", "backup", self.nodes[0].address, self.backup])
        if "[OK] Backup created" not in said or "seems to have some problems" in said:
            raise Failed(said)
        for node in self.nodes:
            shutil.copy(node.folder / "nodes.conf", node.folder / "nodes.conf.kept")

    def put_back(self) -> None:
        """Starts all nodes anew on the backup, with the slots that they had then."""
        self.stop()
        snapshots = {entry["name"]: _snapshot_of(self.backup, entry) for entry in self._nodes_json()}
        for node in self.nodes:
            shutil.copy(node.folder / "nodes.conf.kept", node.folder / "nodes.conf")
            shutil.copy(snapshots[node.id], node.folder / "dump.rdb")
        for node in self.nodes:
            node.start(self._program)
        self._wait_until_whole()

    def _nodes_json(self) -> list[dict]:
        return json.loads((self.backup / "nodes.json").read_text())

    def owners(self) -> dict[int, str]:
        """The owner of each slot, by `CLUSTER NODES` of the first node."""
        owners = {}
        for line in self.nodes[0].connection.ask("CLUSTER", "NODES").decode().splitlines():
            words = line.split()
            for slots in words[8:]:
                if slots.startswith("["):
                    raise Failed(f"an open slot: {slots}")
                first, _, last = slots.partition("-")
                owners |= dict.fromkeys(range(int(first), int(last or first) + 1), words[0])
        return owners

    def keys(self) -> int:
        return sum(node.connection.ask("DBSIZE") for node in self.nodes)

    def check(self) -> None:
        said_by([self.cli, "--cluster", "check", self.nodes[0].address])

    def slowest_migrate_s(self) -> float:
        """The longest MIGRATE of any node by its slow log; 0 when none took a millisecond."""
        entries = [entry for node in self.nodes for entry in node.connection.ask("SLOWLOG", "GET", -1)]
        return max((entry[2] / 1e6 for entry in entries if entry[3][0].upper() == b"MIGRATE"), default=0.0)

    def data_bytes(self) -> dict[str, int]:
        """What keys and their tables take on every node: its memory less what it had empty, and less its buffers."""
        taken = {}
        for node in self.nodes:
            info = node.connection.info()
            taken[node.id] = int(info["used_memory"]) - sum(int(info[name]) for name in NOT_DATA)
        return taken

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def _wait_until_whole(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        wanted = {"cluster_state:ok", "cluster_slots_ok:16384", f"cluster_known_nodes:{len(self.nodes)}"}
        for node in self.nodes:
            while True:
                info = node.connection.ask("CLUSTER", "INFO").decode()
                lines = node.connection.ask("CLUSTER", "NODES").decode().splitlines()
                linked = all("connected" in line.split() and "handshake" not in line for line in lines)
                if wanted <= set(info.splitlines()) and linked:
                    break
                if time.monotonic() > deadline:
                    raise Failed(info)
                time.sleep(0.05)


@contextmanager
def running(servers: Path, with_slots: int, without: int) -> Iterator[Cluster]:
    """A cluster for as long as it is needed. Its servers end by their process ids."""
    with tempfile.TemporaryDirectory(prefix="preshard-rebalance-") as folder:
        cluster = Cluster(servers, Path(folder), with_slots, without)
        try:
            yield cluster
        finally:
            cluster.stop()


def _snapshot_of(backup: Path, entry: dict) -> Path:
    return backup / f"redis-node-{entry['host']}-{entry['port']}-{entry['name']}.rdb"


def _free_ports(count: int) -> list[int]:
    found = []
    for port in PORTS:
        if all(_is_free(number) for number in (port, port + BUS_PORT_OFFSET)):
            found.append(port)
        if len(found) == count:
            return found
    raise Failed(f"not {count} free ports in {PORTS}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
