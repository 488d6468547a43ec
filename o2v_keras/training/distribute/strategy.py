"""The distribution strategy, and gathers and broadcasts over workers."""

import contextlib
import functools
import json
import signal
import threading
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from o2v_keras.training.distribute.cluster import Worker


class WorkersStrategy(tf.distribute.MultiWorkerMirroredStrategy):
    """TensorFlow's strategy for several workers, adapted to Keras's `fit`.

    Its datasets hold this worker's shard of each global batch; TensorFlow's
    strategy would shard them again. All workers must have the same number of
    batches.

    Args:
        worker: `Worker`. This process.
        gpus: int. Its number of GPUs; with 0 it uses the CPU.
    """

    def __init__(self, worker, gpus):
        super().__init__(
            tf.distribute.cluster_resolver.SimpleClusterResolver(
                tf.train.ClusterSpec({"worker": list(worker.addresses)}),
                task_type="worker",
                task_id=worker.index,
                num_accelerators={"GPU": gpus},
                rpc_layer="grpc",
            )
        )
        # With equal numbers of batches, workers need no collective operation
        # at every step to ask whether any has a batch left.
        self.extended.experimental_enable_get_next_as_optional = False

    def reduce(self, reduce_op, value, axis):
        """Reduces like the base class; returns a local part of a nested value.

        Keras reduces a nested batch to get its shapes, which TensorFlow
        rejects; shapes can differ between workers anyway.
        """
        if isinstance(value, tuple | dict):
            return tf.nest.map_structure(
                lambda part: self.experimental_local_results(part)[0], value
            )
        return super().reduce(reduce_op, value, axis)

    def experimental_distribute_dataset(self, dataset, options=None):
        """Divides a worker's batches evenly among its devices."""
        devices = len(self.extended.worker_devices)
        if devices > 1:
            dataset = dataset.flat_map(lambda *batch: _pieces(batch, devices))
        return self.distribute_datasets_from_function(
            lambda _: dataset, options
        )


def make_strategy(
    replicas: int | None, mini_batch_size: int, worker: Worker | None = None
) -> tf.distribute.Strategy:
    """Returns the strategy for training on this worker.

    Args:
        replicas: int. Number of devices that share each batch. `None` uses
            all GPUs, or the CPU. Without a GPU, `n` creates `n` logical CPU
            devices: not faster, but the same code path as `n` GPUs. With
            several workers it must be `None`.
        mini_batch_size: int. Rows of a global batch; a multiple of the number
            of devices of all workers.
        worker: This process. With several workers the call prints that it
            waits for the others, and waits; SIGINT ends the process. Defaults
            to `None`: a single worker.

    Returns:
        TensorFlow's default strategy for one device, a `MirroredStrategy`
        for several, a `WorkersStrategy` for several workers.

    Raises:
        ValueError: If there are too few devices, TensorFlow's devices were
            initialized without the logical devices, the batch is not
            divisible, or `replicas` is given with several workers.

    Example:
    >>> make_strategy(2, mini_batch_size=32).num_replicas_in_sync
    2
    """
    gpus = tf.config.list_physical_devices("GPU")
    _grow_on_demand(gpus)
    if worker is not None and worker.count > 1:
        return _of_workers(worker, replicas, len(gpus), mini_batch_size)
    if replicas is None:
        replicas = max(1, len(gpus))
    if replicas < 1:
        raise ValueError(
            f"`replicas` must be at least 1. Received: replicas={replicas}"
        )
    if mini_batch_size % replicas:
        raise ValueError(
            "`mini_batch_size` must be a multiple of `replicas`, which share "
            f"every batch equally. Received: mini_batch_size="
            f"{mini_batch_size}, replicas={replicas}"
        )
    if replicas == 1:
        return tf.distribute.get_strategy()
    names = _gpu_names(replicas) if gpus else _logical_cpus(replicas)
    return _mirrored(tuple(names), bool(gpus))


def adapt_to_workers(model: keras.Model):
    """Makes `fit` and `evaluate` of a model work with several workers.

    Keras's step functions fail to reduce metrics over workers. The replaced
    ones log the mean over all replicas, equal on all workers, so callbacks
    decide alike. Models for one machine are unchanged.

    `steps_per_execution` becomes 1: TensorFlow cannot gather sparse gradients
    of changing size in a loop.

    Args:
        model: Compiled model, made under its strategy.
    """
    if not isinstance(model.distribute_strategy, WorkersStrategy):
        return
    model.steps_per_execution = 1

    def make_train_function(force=False):
        if force or model.train_function is None:
            model.train_function = _step_function(model, model.train_step)
        return model.train_function

    def make_test_function(force=False):
        if force or model.test_function is None:
            model.test_function = _step_function(model, model.test_step)
        return model.test_function

    model.make_train_function = make_train_function
    model.make_test_function = make_test_function


def _step_function(model, step):
    strategy = model.distribute_strategy
    names = []

    def step_and_results(batch):
        results = step(batch)
        names[:] = results
        return tf.stack([tf.cast(v, tf.float32) for v in results.values()])

    @tf.function(reduce_retracing=True)
    @tf.autograph.experimental.do_not_convert
    def run_step(iterator):
        # One vector: workers exchange one message, not one per metric.
        results = strategy.run(step_and_results, args=(next(iterator),))
        return strategy.reduce("MEAN", results, axis=None)

    def function(iterator):
        return dict(zip(names, tf.unstack(run_step(iterator)), strict=True))

    return function


def _of_workers(worker, replicas, gpus, mini_batch_size):
    devices = max(1, gpus)
    if replicas is not None:
        raise ValueError(
            "`replicas` must be left out with several workers; each uses all "
            "its GPUs, or the CPU. Received: "
            f"replicas={replicas}"
        )
    if mini_batch_size % (worker.count * devices):
        raise ValueError(
            f"`mini_batch_size` must be a multiple of the devices that share "
            f"every batch equally, {worker.count} workers x {devices}. "
            f"Received: mini_batch_size={mini_batch_size}"
        )
    try:
        with _ended_by_signals():
            return _workers(worker, gpus)
    except RuntimeError as error:
        raise ValueError(
            "`TF_CONFIG` must be set before TensorFlow starts its devices. "
            "Make `train` the first TensorFlow call of the process, or use "
            f"the command `o2v train`. ({error})"
        ) from None


@contextlib.contextmanager
def _ended_by_signals():
    """Lets SIGINT end the wait for other workers; restores the handlers.

    TensorFlow waits without running Python's handlers, and installs a handler
    for SIGTERM that does not end the process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    if handlers[signal.SIGINT] is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            # None: not installed by Python, which cannot restore it.
            if handler is not None:
                signal.signal(number, handler)


# A process can join its cluster only once.
@functools.cache
def _workers(worker, gpus):
    others = worker.addresses[1:] if worker.is_chief else worker.addresses[:1]
    print(
        f"worker {worker.index} of {worker.count} waits for the "
        f"{'others' if worker.is_chief else 'chief'} at {', '.join(others)}",
        flush=True,
    )
    return WorkersStrategy(worker, gpus)


def _pieces(batch, number):
    return tf.data.Dataset.from_tensor_slices(
        tf.nest.map_structure(
            lambda rows: tf.reshape(
                rows, tf.concat([[number, -1], tf.shape(rows)[1:]], axis=0)
            ),
            batch,
        )
    )


# Two strategies over the same devices would use the same keys for their
# collective operations, which then fail or mix.
@functools.cache
def _mirrored(devices, are_gpus):
    cross_device_ops = None
    if not are_gpus:
        cross_device_ops = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops)


def _grow_on_demand(gpus):
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            # Devices are initialized; the user's setting applies.
            return


def _gpu_names(replicas):
    gpus = [gpu.name for gpu in tf.config.list_logical_devices("GPU")]
    if replicas > len(gpus):
        raise ValueError(
            f"`replicas` must be at most the number of GPUs, {len(gpus)}. "
            f"Received: replicas={replicas}"
        )
    return gpus[:replicas]


def _logical_cpus(replicas):
    cpu = tf.config.list_physical_devices("CPU")[0]
    configured = tf.config.get_logical_device_configuration(cpu) or []
    if len(configured) < replicas:
        try:
            tf.config.set_logical_device_configuration(
                cpu, [tf.config.LogicalDeviceConfiguration()] * replicas
            )
        except RuntimeError:
            raise ValueError(
                f"`replicas` must be set before TensorFlow starts its "
                f"devices, which {max(1, len(configured))} CPU device(s) "
                f"were made for. Make it the first TensorFlow call of the "
                f"process, or use the command `o2v train --replicas "
                f"{replicas}`. Received: replicas={replicas}"
            ) from None
    devices = tf.config.list_logical_devices("CPU")
    return [device.name for device in devices[:replicas]]


def all_gather(
    strategy: tf.distribute.Strategy, worker: Worker, value
) -> list[Any]:
    """Gathers a JSON value from every worker on all workers.

    It blocks until all workers have called it.

    Args:
        strategy: The strategy of the training.
        worker: This worker.
        value: JSON value of this worker.

    Returns:
        The values by number of the worker.

    Example:
    >>> all_gather(tf.distribute.get_strategy(), Worker(), {"epoch": 3})
    [{'epoch': 3}]
    """
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    if worker.count == 1:
        return [json.loads(text.tobytes())]
    lengths = np.zeros(worker.count, np.int32)
    lengths[worker.index] = len(text)
    lengths = _sum(strategy, lengths)
    texts = np.zeros((worker.count, lengths.max()), np.int32)
    texts[worker.index, : len(text)] = text
    texts = _sum(strategy, texts).astype(np.uint8)
    return [
        json.loads(text[:length].tobytes())
        for text, length in zip(texts, lengths, strict=True)
    ]


def broadcast_from_chief(
    strategy: tf.distribute.Strategy, worker: Worker, value: bool
) -> bool:
    """Returns the chief's value on all workers; cheap enough for every step.

    Args:
        strategy: The strategy of the training.
        worker: This worker.
        value: This worker's value, used only on the chief.
    """
    if worker.count == 1:
        return value
    own = np.array([value and worker.is_chief], np.int32)
    return bool(_sum(strategy, own)[0])


def require_agreement(
    strategy: tf.distribute.Strategy, worker: Worker, values: dict[str, Any]
):
    """Raises an error on all workers if their values differ.

    Args:
        strategy: The strategy of the training.
        worker: This worker.
        values: Name for the message -> JSON value.

    Raises:
        ValueError: If a worker's values differ from the chief's.
    """
    chief, *others = all_gather(strategy, worker, values)
    for index, other in enumerate(others, 1):
        differing = [name for name in chief if other[name] != chief[name]]
        if differing:
            raise ValueError(
                f"All workers must have the same {', '.join(differing)}, but "
                f"{worker.name_of(index)} differs from {worker.name_of(0)}. "
                f"Start all with the same command and files, and let "
                f"`model_dir` be on a file system that all of them share. "
                f"Received: "
                + ", ".join(f"{n}={chief[n]} and {other[n]}" for n in differing)
            )


def _sum(strategy, array):
    """Sums over workers: outside of replicas, `reduce` adds workers' values."""
    return strategy.reduce("SUM", tf.constant(array), axis=None).numpy()
