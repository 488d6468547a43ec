"""Metrics under TF Serving's names, in Prometheus's text format."""

import bisect
import os
import pathlib
import threading
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf import text_format

_DEFAULT_PATH = "/monitoring/prometheus/metrics"

# tensorflow_serving/config/monitoring_config.proto, which no package carries.
_MONITORING_CONFIG = """
name: "monitoring_config.proto"
package: "tensorflow.serving"
syntax: "proto3"
message_type {
  name: "PrometheusConfig"
  field { name: "enable" number: 1 type: TYPE_BOOL label: LABEL_OPTIONAL }
  field { name: "path" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
}
message_type {
  name: "MonitoringConfig"
  field {
    name: "prometheus_config"
    number: 1
    type: TYPE_MESSAGE
    type_name: ".tensorflow.serving.PrometheusConfig"
    label: LABEL_OPTIONAL
  }
}
"""

_LATENCY_LIMITS = [10 * 1.8**power for power in range(33)]
_EXAMPLE_LIMITS = [float(2**power) for power in range(15)]


class Counter:
    """A sum for every combination of labels.

    Args:
        name: Name of the metric.
        *label_names: Names of the labels.

    Example:
    >>> counter = Counter("requests", "status")
    >>> counter.add(2, "OK")
    >>> counter.lines()
    ['# TYPE requests counter', 'requests{status="OK"} 2']
    """

    def __init__(self, name: str, *label_names: str):
        self._name = name
        self._label_names = label_names
        self._sums: dict[tuple[Any, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, amount: int, *labels: str):
        """Adds to the sum of these labels."""
        with self._lock:
            self._sums[labels] = self._sums.get(labels, 0) + amount

    def lines(self) -> list[str]:
        """Returns the lines of the page."""
        with self._lock:
            sums = dict(self._sums)
        found = [f"# TYPE {self._name} counter"]
        for labels, value in sums.items():
            text = ",".join(_pairs(self._label_names, labels))
            found.append(f"{self._name}{{{text}}} {value}")
        return found


class Histogram:
    """Counts of values up to each limit, for every combination of labels.

    Args:
        name: Name of the metric.
        limits: Upper limits of the buckets, rising; one without comes last.
        *label_names: Names of the labels.

    Example:
    >>> histogram = Histogram("latency", [1.0, 10.0], "api")
    >>> histogram.observe(5, "predict")
    >>> for line in histogram.lines():
    ...     print(line)
    # TYPE latency histogram
    latency_bucket{api="predict",le="1"} 0
    latency_bucket{api="predict",le="10"} 1
    latency_bucket{api="predict",le="+Inf"} 1
    latency_sum{api="predict"} 5
    latency_count{api="predict"} 1
    """

    def __init__(self, name: str, limits: list[float], *label_names: str):
        self._name = name
        self._limits = limits
        self._label_names = label_names
        self._counts: dict[tuple[Any, ...], list[int]] = {}
        self._sums: dict[tuple[Any, ...], float] = {}
        self._lock = threading.Lock()

    def observe(self, value: float, *labels: str):
        """Counts a value."""
        # TensorFlow's buckets do not hold their own limit.
        bucket = bisect.bisect_right(self._limits, value)
        with self._lock:
            if labels not in self._counts:
                self._counts[labels] = [0] * (len(self._limits) + 1)
            self._counts[labels][bucket] += 1
            self._sums[labels] = self._sums.get(labels, 0) + value

    def lines(self) -> list[str]:
        """Returns the lines of the page."""
        with self._lock:
            counts = {
                labels: list(each) for labels, each in self._counts.items()
            }
            sums = dict(self._sums)
        found = [f"# TYPE {self._name} histogram"]
        limits = [f"{limit:g}" for limit in self._limits] + ["+Inf"]
        for labels, buckets in counts.items():
            pairs = _pairs(self._label_names, labels)
            total = 0
            for limit, count in zip(limits, buckets, strict=True):
                total += count
                text = ",".join([*pairs, f'le="{limit}"'])
                found.append(f"{self._name}_bucket{{{text}}} {total}")
            text = ",".join(pairs)
            found.append(f"{self._name}_sum{{{text}}} {sums[labels]}")
            found.append(f"{self._name}_count{{{text}}} {total}")
        return found


class Metrics:
    """All metrics of a server; latencies are in microseconds.

    Example:
    >>> metrics = Metrics()
    >>> metrics.requests.add(1, "half", "OK")
    >>> ':tensorflow:serving:request_count{model_name="half"' in metrics.page()
    True
    """

    def __init__(self):
        serving, cc = ":tensorflow:serving:", ":tensorflow:cc:saved_model:"
        self.requests = Counter(
            f"{serving}request_count", "model_name", "status"
        )
        self.request_latency = Histogram(
            f"{serving}request_latency",
            _LATENCY_LIMITS,
            *("model_name", "API", "entrypoint"),
        )
        self.runtime_latency = Histogram(
            f"{serving}runtime_latency",
            _LATENCY_LIMITS,
            *("model_name", "API", "runtime"),
        )
        self.example_counts = Histogram(
            f"{serving}request_example_counts", _EXAMPLE_LIMITS, "model"
        )
        self.warmup_latency = Histogram(
            f"{serving}model_warmup_latency",
            _LATENCY_LIMITS,
            *("model_path", "status"),
        )
        self.load_attempts = Counter(
            f"{cc}load_attempt_count", "model_path", "status"
        )
        self.load_latency = Counter(f"{cc}load_latency", "model_path")

    def page(self) -> str:
        """Returns the page that Prometheus reads."""
        lines = [line for each in vars(self).values() for line in each.lines()]
        return "\n".join(lines) + "\n"


def metrics_path(file: str | os.PathLike[str] | None) -> str | None:
    """Returns the path of the page for Prometheus.

    Args:
        file: Text `MonitoringConfig`, or `None`.

    Returns:
        `None` if there is no file, or it does not switch the page on.

    Raises:
        ValueError: If the file is no `MonitoringConfig`.
    """
    if not file:
        return None
    # The pool is private: a process may import the real message as well.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(
        text_format.Parse(
            _MONITORING_CONFIG, descriptor_pb2.FileDescriptorProto()
        )
    )
    config: Any = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("tensorflow.serving.MonitoringConfig")
    )()
    try:
        text_format.Parse(pathlib.Path(file).read_text(), config)
    except text_format.ParseError as error:
        raise ValueError(
            "`monitoring_config_file` must be a text MonitoringConfig. "
            f"{file}: {error}"
        ) from None
    prometheus = config.prometheus_config
    return (prometheus.path or _DEFAULT_PATH) if prometheus.enable else None


def _pairs(names, labels):
    return [
        f'{name}="{_escape(label)}"'
        for name, label in zip(names, labels, strict=True)
    ]


def _escape(label):
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
