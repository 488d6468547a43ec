"""The devices that share a training step."""

import functools

import tensorflow as tf


def make_strategy(
    replicas: int | None, mini_batch_size: int
) -> tf.distribute.Strategy:
    """Returns the strategy for training on one machine.

    Args:
        replicas: Number of devices that share each batch. `None` takes all
            GPUs, or the CPU. Without a GPU, `n` makes `n` logical CPU
            devices: no faster, but the same code path as `n` GPUs.
        mini_batch_size: Rows of a global batch; a multiple of `replicas`.

    Returns:
        TensorFlow's default strategy for one device, else a
        `MirroredStrategy`.

    Raises:
        ValueError: If there are too few devices, logical devices are asked
            for after TensorFlow has started its devices, or the batch does
            not divide.

    Example:
    >>> make_strategy(2, mini_batch_size=32).num_replicas_in_sync
    2
    """
    gpus = tf.config.list_physical_devices("GPU")
    _grow_on_demand(gpus)
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


# Two strategies over the same devices number their collective operations
# alike, and the second one's then fail or meet the first one's.
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
            # TensorFlow has started its devices: whoever did so has chosen.
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
