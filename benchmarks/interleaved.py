"""Times contenders in turns, so that a noisy moment hits all of them."""

import dataclasses
import statistics
import time
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of each run of one contender.

    Args:
        seconds: list of float.
    """

    seconds: list[float]

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(self.seconds)

    def ratio(self, slow: "Timing") -> str:
        """How many times as fast as another: median and range over runs."""
        ratios = [
            s / own for s, own in zip(slow.seconds, self.seconds, strict=True)
        ]
        return (
            f"{statistics.median(ratios):.1f} times as fast "
            f"({min(ratios):.1f} to {max(ratios):.1f} in {len(ratios)} runs)"
        )


def interleaved(
    contenders: dict[str, Callable[[], object]], repeats: int
) -> dict[str, Timing]:
    """Runs each contender once to warm up, then all in turns.

    Args:
        contenders: What to run, by name.
        repeats: Number of turns that are timed.

    Returns:
        dict of `Timing`, by name.
    """
    for run in contenders.values():
        run()
    seconds = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return {name: Timing(runs) for name, runs in seconds.items()}
