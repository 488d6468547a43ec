"""What several workers tell each other, besides gradients."""

import json

import numpy as np
import tensorflow as tf

from o2v_keras.training.worker import Worker


def tell_all(strategy: tf.distribute.Strategy, worker: Worker, value) -> list:
    """Gives every worker what each of them has to say.

    All workers must call it at the same point; it returns when all have.

    Args:
        strategy: Of the training.
        worker: This worker.
        value: JSON value of this worker.

    Returns:
        The values in the order of the workers; a worker alone gets its own.

    Example:
    >>> tell_all(tf.distribute.get_strategy(), Worker(), {"epoch": 3})
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


def ask_chief(
    strategy: tf.distribute.Strategy, worker: Worker, answer: bool
) -> bool:
    """Gives every worker the chief's answer; cheap enough for every step.

    Args:
        strategy: Of the training.
        worker: This worker.
        answer: What this worker would answer.
    """
    if worker.count == 1:
        return answer
    said = np.array([answer and worker.is_chief], np.int32)
    return bool(_sum(strategy, said)[0])


def require_agreement(
    strategy: tf.distribute.Strategy, worker: Worker, values: dict[str, object]
):
    """Stops workers that would train different models together.

    Args:
        strategy: Of the training.
        worker: This worker.
        values: What all must have alike, by what it is called.

    Raises:
        ValueError: On every worker, if one has other values than the chief.
    """
    chief, *others = tell_all(strategy, worker, values)
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
    """Sums up over workers: a value of no replica is a worker's value."""
    return strategy.reduce("SUM", tf.constant(array), axis=None).numpy()
