"""Reads the counters of a job that has ended."""

from typing import Any

from apache_beam.metrics.metric import Metrics
from apache_beam.metrics.metric import MetricsFilter


def total(metrics: Any, counter: Metrics.DelegatingCounter) -> int:
    """Returns what all workers counted.

    Args:
        metrics: Those of the pipeline's result.
        counter: What `Metrics.counter` returned.
    """
    found = metrics.query(MetricsFilter().with_metric(counter))["counters"]
    # Some engines say nothing where nothing was counted.
    return sum(result.result or 0 for result in found)
