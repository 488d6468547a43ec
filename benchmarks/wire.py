"""What two workers send each other per training step.

Two processes on loopback train one model; the kernel's counters of the
interface `lo` before and after a number of steps give the bytes, those of
TCP and gRPC included. Other programs that use loopback meanwhile are counted
as well, so run nothing else. The tables grow tenfold: with sparse gradients,
the bytes follow the rows that a batch touches; an L2 penalty on the tables,
whose gradient is dense, shows what is saved.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys

from notebooks.sizes import sized
from o2v_keras.start_tensorflow import start_tensorflow

_STEPS = sized(8, quick=2)
_BATCH = 256
_DIM = 64
_LENGTH = 4
_VOCABULARIES = sized((10_000, 100_000), quick=(1_000,))


def main():
    """Prints bytes per step by vocabulary, sparse and dense."""
    start_tensorflow()
    from benchmarks.machine import machine

    print(machine())
    print(
        f"2 workers, adagrad, batch {_BATCH}, {_LENGTH} ids a side, two tables "
        f"of width {_DIM}; both directions, per step"
    )
    touched = 2 * _BATCH * _LENGTH
    print(
        f"a batch has {touched:,} ids: {touched * (4 * _DIM + 8):,} bytes of "
        f"rows and indices"
    )
    for vocabulary in _VOCABULARIES:
        sparse, dense = (
            _measure(vocabulary, weight_decay) for weight_decay in (0.0, 1e-6)
        )
        table = 2 * vocabulary * _DIM * 4
        print(
            f"{vocabulary:>9,} rows a table: sparse {sparse:>11,.0f} B, "
            f"dense {dense:>13,.0f} B, ratio {dense / sparse:.1f}; "
            f"both tables {table:,} B"
        )


def _measure(vocabulary, weight_decay):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for held in sockets:
        held.close()
    workers = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.wire"),
                *(str(vocabulary), str(weight_decay)),
            ],
            env={
                **os.environ,
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "TF_CONFIG": json.dumps(
                    {
                        "cluster": {"worker": addresses},
                        "task": {"type": "worker", "index": index},
                    }
                ),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    outputs, errors = zip(*(w.communicate() for w in workers), strict=True)
    if any(worker.returncode for worker in workers):
        said = "\n".join(errors)[-2000:]
        raise RuntimeError(f"A worker failed:\n{said}")
    return float(outputs[0].split()[-1])


def _work(vocabulary, weight_decay):
    """One worker: prints the bytes per step after the first steps."""
    import keras
    import numpy as np

    from o2v_keras.config import Object2VecConfig
    from o2v_keras.data.batches.pair_batches import PairBatches
    from o2v_keras.data.pair_table import PairTable
    from o2v_keras.models.object2vec import Object2Vec
    from o2v_keras.training.distribute.cluster import Worker
    from o2v_keras.training.distribute.strategy import adapt_to_workers
    from o2v_keras.training.distribute.strategy import make_strategy

    worker = Worker.from_environment()
    config = Object2VecConfig(
        enc0_network="pooled_embedding",
        enc0_max_seq_len=_LENGTH,
        enc0_vocab_size=vocabulary,
        enc_dim=_DIM,
        mlp_layers=0,
        optimizer="adagrad",
        weight_decay=weight_decay,
        mini_batch_size=_BATCH,
    )
    strategy = make_strategy(None, _BATCH, worker)
    with strategy.scope():
        model = Object2Vec(config)
    adapt_to_workers(model)
    rows = _BATCH * (_STEPS + 2)
    generator = np.random.default_rng(0)
    table = PairTable.from_arrays(
        *generator.integers(1, vocabulary, (2, rows, _LENGTH)),
        generator.integers(0, 2, rows),
    )
    share = worker.index, worker.count
    batches = PairBatches(table, config, True, worker.count, share)
    counts = []

    class Count(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            float(logs["loss"])  # Until the step has really ended.
            counts.append(_loopback_bytes())

    model.fit(batches.dataset(), shuffle=False, verbose=0, callbacks=[Count()])
    print((counts[-1] - counts[0]) / (len(counts) - 1))


def _loopback_bytes():
    for line in pathlib.Path("/proc/net/dev").read_text().splitlines():
        name, _, fields = line.partition(":")
        if name.strip() == "lo":
            return int(fields.split()[0])
    raise RuntimeError("There is no interface lo in /proc/net/dev.")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _work(int(sys.argv[1]), float(sys.argv[2]))
    else:
        main()
