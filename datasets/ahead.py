"""Reading what will be wanted, by a thread."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def ahead(read: Callable[[A], B], wanted: Iterable[A], depth: int) -> Generator[B]:
    """`map(read, wanted)`, read by one thread, at most `depth` results before they are asked for.

    What `read` raises is raised here, in its place. However the generator ends, the thread ends before it.
    """
    rest = iter(wanted)
    with ThreadPoolExecutor(1, "read-ahead") as pool:
        waiting = deque(pool.submit(read, one) for one in islice(rest, depth))
        try:
            while waiting:
                found = waiting.popleft().result()
                waiting.extend(pool.submit(read, one) for one in islice(rest, 1))
                yield found
        finally:
            for future in waiting:
                future.cancel()
