"""What the clusters of `rebalance.py` hold, and what is asked of them. The same bytes every time."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from cluster import slot_of

PRIMARIES = 3
# The slots of the second of three primaries begin here; redis-cli takes those with the lowest numbers of each source.
SECOND_NODE_BEGINS = 5461
LOWEST_OF_A_NODE = 1000
ITEMS_PER_COMMAND = 500

Command = tuple


@dataclass(frozen=True)
class Shape:
    """Data and a goal: the weight of each primary, 0 for one that is to be emptied; the new ones come last."""

    name: str
    fill: Callable[[Random], Iterator[Command]]
    weights: tuple[int, ...]
    # A second plan, in which keys over the latency budget move by consent.
    with_consent: bool = False

    @property
    def new_nodes(self) -> int:
        return len(self.weights) - PRIMARIES

    @property
    def goal(self) -> str:
        if self.new_nodes:
            return "a fourth primary"
        if 0 in self.weights:
            return "one of three primaries emptied"
        if set(self.weights) == {1}:
            return "three primaries evened out"
        return f"weights {', '.join(map(str, self.weights))}"


def uniform(random: Random, keys: int = 150_000) -> Iterator[Command]:
    """Strings of 100 to 700 bytes, with names that spread over all slots."""
    for number in range(keys):
        yield "SET", b"user:%d" % number, random.randbytes(random.randint(100, 700))


def zipf_tags(random: Random) -> Iterator[Command]:
    """The same strings, of 2,000 tenants: the one of rank r has a share in proportion to 1/r, all in one slot."""
    tenants = range(1, 2_001)
    drawn = random.choices(tenants, weights=[1 / rank for rank in tenants], k=150_000)
    for number, tenant in enumerate(drawn):
        yield "SET", b"{tenant:%d}:order:%d" % (tenant, number), random.randbytes(random.randint(100, 700))


def one_giant(random: Random) -> Iterator[Command]:
    """Strings, and a hash of 300,000 fields in a slot that redis-cli takes first."""
    yield from uniform(random, 100_000)
    names = (b"catalog:%d" % number for number in itertools.count())
    low = range(SECOND_NODE_BEGINS, SECOND_NODE_BEGINS + LOWEST_OF_A_NODE)
    yield from _hash(random, next(name for name in names if slot_of(name) in low), 300_000)


def mixed(random: Random) -> Iterator[Command]:
    """Strings and collections of every type, most small, some of thousands of elements."""
    yield from uniform(random, 60_000)
    for number in range(6_000):
        # As many between 2 and 4 as between 4,000 and 8,000.
        elements = int(2 ** random.uniform(1, 13)) if number % 4 == 0 else random.randint(1, 100)
        name, fill = [(b"hash", _hash), (b"set", _set), (b"zset", _sorted_set), (b"list", _list)][number // 4 % 4]
        yield from fill(random, b"%s:%d" % (name, number), elements)


def _filled(name: str, key: bytes, items: Iterator[tuple]) -> Iterator[Command]:
    while chunk := list(itertools.islice(items, ITEMS_PER_COMMAND)):
        yield name, key, *itertools.chain.from_iterable(chunk)


def _hash(random: Random, key: bytes, fields: int) -> Iterator[Command]:
    yield from _filled("HSET", key, ((b"field:%d" % n, random.randbytes(40)) for n in range(fields)))


def _set(random: Random, key: bytes, members: int) -> Iterator[Command]:
    yield from _filled("SADD", key, ((b"%d:%s" % (n, random.randbytes(10)),) for n in range(members)))


def _sorted_set(random: Random, key: bytes, members: int) -> Iterator[Command]:
    yield from _filled("ZADD", key, ((random.randint(0, 10**9), b"member:%d" % n) for n in range(members)))


def _list(random: Random, key: bytes, elements: int) -> Iterator[Command]:
    yield from _filled("RPUSH", key, ((random.randbytes(60),) for _ in range(elements)))


SHAPES = [
    Shape("uniform", uniform, (1, 1, 1, 1)),
    Shape("Zipf over hash tags", zipf_tags, (1, 1, 1)),
    Shape("Zipf over hash tags", zipf_tags, (1, 1, 1, 1)),
    Shape("one giant key", one_giant, (1, 1, 1, 1)),
    Shape("mixed", mixed, (1, 1, 0)),
    Shape("one giant key", one_giant, (1, 0, 1), with_consent=True),
    Shape("mixed", mixed, (2, 1, 1)),
]
