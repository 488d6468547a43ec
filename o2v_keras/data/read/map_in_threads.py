"""Work on the parts of a file, several at a time."""

import collections
import concurrent.futures
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import pyarrow as pa


def map_in_threads(
    function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
) -> Iterator[Any]:
    """Yields results in order, a few being worked on ahead.

    Args:
        function: What is called, with each of `arguments` in turn.
        arguments: Tuples, taken from their iterator as they are needed.

    Example:
    >>> list(map_in_threads(pow, [(2, 3), (3, 2)]))
    [8, 9]
    """
    threads = pa.cpu_count()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        pending = collections.deque()
        for some in arguments:
            pending.append(pool.submit(function, *some))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
