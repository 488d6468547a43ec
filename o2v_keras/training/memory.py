"""Estimates the memory of a training before it allocates any."""

import dataclasses
import os
import shutil
import subprocess

import psutil

from o2v_keras.config import EncoderConfig
from o2v_keras.config import Object2VecConfig
from o2v_keras.encoders import TokenTableEncoder
from o2v_keras.models.make_encoders import encoder_class

_BYTES = 4  # float32

# Slots of each optimizer for every weight.
_SLOTS = {"adam": 2, "adadelta": 2, "adagrad": 1, "rmsprop": 1, "sgd": 0}
# Ids, and tokenizers that leave no word out.
_WITHOUT_BUCKETS = ("", "wordpiece", "sentencepiece")


@dataclasses.dataclass(frozen=True)
class MemoryEstimate:
    """Memory of a training, in bytes.

    Args:
        tables: Token embeddings of one replica.
        other_weights: Encoders, MLP and head of one replica.
        optimizer: Optimizer slots of one replica, averaged weights included;
            frozen tables have none.
        gradients: Gradients of one replica. A table's gradient has the size
            of the table, unless updates are row-sparse or it is frozen.
        writing: Buffer for writing the largest table.
        checkpoint: Disk space of the checkpoints and best weights, the ones
            being written included.
        logits: Logits of the in-batch softmax, over all replicas.
        replicas: Copies of weights, slots and gradients in memory.
    """

    tables: int
    other_weights: int
    optimizer: int
    gradients: int
    writing: int
    checkpoint: int
    logits: int
    replicas: int

    @property
    def of_replica(self) -> int:
        """Bytes of a replica's weights, slots and gradients."""
        return (
            self.tables + self.other_weights + self.optimizer + self.gradients
        )

    @property
    def of_device(self) -> int:
        """Bytes of one GPU's memory."""
        return self.of_replica + self.logits // self.replicas

    @property
    def memory(self) -> int:
        """Bytes of main memory if the replicas are on the CPU."""
        return self.replicas * self.of_replica + self.logits + self.writing

    def __str__(self) -> str:
        times = f" x {self.replicas} replicas" if self.replicas > 1 else ""
        logits = f" + logits {_size(self.logits)}" if self.logits else ""
        return (
            f"memory: about {_size(self.memory)} = (tables "
            f"{_size(self.tables)} + other weights "
            f"{_size(self.other_weights)} + optimizer "
            f"{_size(self.optimizer)} + gradients {_size(self.gradients)})"
            f"{times}{logits} + writing {_size(self.writing)}; "
            f"disk: {_size(self.checkpoint)} for checkpoints"
        )


def estimate_memory(
    config: Object2VecConfig, replicas: int = 1
) -> MemoryEstimate:
    """Estimates the memory of a training from its configuration.

    Of a user's own encoder only a token table is counted.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1,
    ...     enc0_vocab_size=1000,
    ...     enc0_network="pooled_embedding",
    ...     enc_dim=64,
    ... )
    >>> estimate_memory(config).tables
    512000
    """
    tables = _BYTES * _copies(config) * sum(_tables(config))
    learned_tables = learned_table_bytes(config)
    others = _BYTES * (
        _token_weights(config)
        + _encoder_parameters(config.encoder0)
        + _encoder_parameters(config.encoder1)
        + _head_parameters(config)
    )
    learned = learned_tables + others
    averages = config.weight_averaging != "none"
    slots = (_SLOTS[config.optimizer] + averages) * learned
    row_sparse = config.token_embedding_storage_type == "row_sparse"
    return MemoryEstimate(
        tables=tables,
        other_weights=others,
        optimizer=slots,
        gradients=others if row_sparse else learned,
        writing=_BYTES * max(_tables(config)),
        # The last checkpoint, the previous one and the one being written,
        # each with the weights of its best epoch.
        checkpoint=3 * (2 * (tables + others) + slots),
        logits=_logits(config),
        replicas=replicas,
    )


def learned_table_bytes(config: Object2VecConfig) -> int:
    """Returns the bytes of the token tables that are trained.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1,
    ...     enc0_vocab_size=1000,
    ...     enc0_token_embedding_dim=50,
    ...     enc0_pretrained_embedding_file="glove.txt",
    ... )
    >>> learned_table_bytes(config)
    0
    """
    learned = sum(
        _table_parameters(encoder)
        for encoder in config.token_tables.values()
        if not encoder.freezes_table
    )
    return _BYTES * _copies(config) * learned


def require_memory(
    config: Object2VecConfig,
    estimate: MemoryEstimate,
    model_dir: str | os.PathLike[str],
    on_gpus: bool = False,
) -> None:
    """Checks that memory and disk hold a training.

    Args:
        config: The training's configuration.
        estimate: Its `estimate_memory`.
        model_dir: Where its checkpoints are written.
        on_gpus: Whether each replica has a GPU. Its memory is compared with
            the largest GPU's, if `nvidia-smi` tells it. Defaults to `False`:
            all replicas are in main memory.

    Raises:
        MemoryError: If something does not fit. The message says what would.
    """
    if on_gpus:
        free, needed = gpu_memory(), estimate.of_device
        where = "of each GPU's memory", "the largest GPU has {}"
    else:
        free, needed = psutil.virtual_memory().available, estimate.memory
        where = "of memory", "{} are free"
    if free is not None and needed > free:
        raise MemoryError(
            f"Training would take about {_size(needed)} {where[0]}, but "
            f"{where[1].format(_size(free))}. {_largest_table(config)}"
            f"{_remedies(config, estimate, on_gpus)} {estimate}"
        )
    free = shutil.disk_usage(model_dir).free
    if estimate.checkpoint > free:
        raise MemoryError(
            f"Checkpoints would take about {_size(estimate.checkpoint)} in "
            f"{os.fspath(model_dir)}, but {_size(free)} are free there. Make "
            f"room or take another --model-dir. {estimate}"
        )


def gpu_memory() -> int | None:
    """Returns the bytes of the largest GPU, or `None` without `nvidia-smi`."""
    command = [
        *("nvidia-smi", "--query-gpu=memory.total"),
        "--format=csv,noheader,nounits",
    ]
    try:
        result = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=20
        )
        return max(int(line) * 2**20 for line in result.stdout.splitlines())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _largest_table(config):
    name, encoder = _with_largest_table(config)
    size = _BYTES * _copies(config) * _table_parameters(encoder)
    if not size:
        return ""
    return (
        f"Of this the token table of {name} ({encoder.vocab_size:,} ids x "
        f"{encoder.token_embedding_dim}) is {_size(size)}, and every device "
        "holds all of it. "
    )


def _with_largest_table(config):
    return max(
        config.token_tables.items(), key=lambda side: _table_parameters(side[1])
    )


def _remedies(config, estimate, on_gpus):
    """Returns what would help, with the memory it leads to."""
    name, encoder = _with_largest_table(config)
    width = f"{name}_token_embedding_dim"
    if encoder.network == "pooled_embedding":
        width = "enc_dim"
    changes = [
        {"token_embedding_storage_type": "row_sparse"},
        {width: (encoder.token_embedding_dim + 1) // 2},
        {f"{name}_vocab_size": max(2, encoder.vocab_size // 10)},
        {"optimizer": "adagrad"},
        {"optimizer": "sgd"},
        {"tied_token_embedding_weight": True},
    ]
    needs = MemoryEstimate.of_device if on_gpus else MemoryEstimate.memory
    before, helps = needs.fget(estimate), []
    for change in changes:
        try:
            changed = estimate_memory(
                config.replace(**change), estimate.replicas
            )
        except ValueError:
            continue
        after = needs.fget(changed)
        if after < 0.99 * before:
            ((field, value),) = change.items()
            helps.append(f"{field}={value} (then {_size(after)})")
    if not helps:
        return ""
    hashing = ""
    if encoder.tokenizer not in _WITHOUT_BUCKETS:
        hashing = (
            f"; {name}_hash_buckets hashes what a smaller vocabulary leaves out"
        )
    return f"What helps: {', '.join(helps)}{hashing}."


def _token_weights(config):
    if config.token_weighting != "learned":
        return 0
    sides = {name: config.side(name) for name in config.sides}
    return sum(
        encoder.vocab_size
        for encoder in sides.values()
        if encoder.network == "pooled_embedding"
    )


def _copies(config):
    # Gaussians have means and variances.
    return 2 if config.token_embedding_kl else 1


def _tables(config):
    return [
        _table_parameters(encoder) for encoder in config.token_tables.values()
    ]


def _table_parameters(encoder: EncoderConfig):
    if not issubclass(encoder_class(encoder.network), TokenTableEncoder):
        return 0
    return encoder.vocab_size * encoder.token_embedding_dim


def _encoder_parameters(encoder: EncoderConfig):
    if encoder.network == "hcnn":
        filters = encoder.enc_dim / encoder.layers
        widths = [encoder.token_embedding_dim] + [filters] * (
            encoder.layers - 1
        )
        return round(
            sum(
                filters * (encoder.cnn_filter_width * width + 1)
                for width in widths
            )
        )
    if encoder.network == "bilstm":
        units = encoder.enc_dim // 2
        widths = [encoder.token_embedding_dim] + [encoder.enc_dim] * (
            encoder.layers - 1
        )
        return sum(2 * 4 * units * (width + units + 1) for width in widths)
    if encoder.network == "transformer":
        dim, width = encoder.enc_dim, encoder.token_embedding_dim
        # Attention, feed-forward layers and norms.
        layer = 4 * dim**2 + 2 * dim * encoder.feed_forward_dim + 2 * dim
        projection = dim * width if dim != width else 0
        return projection + encoder.layers * layer + dim
    return 0


def _logits(config):
    if config.output_layer != "in_batch_softmax":
        return 0
    # Four arrays: logits, their gradient, negatives and their exponentials;
    # with a hardness the cosines, too.
    arrays = 5 if config.hardness_strength else 4
    sides = 2 if config.negative_sampling_side == "both" else 1
    if config.same_side_negatives:
        sides *= 2
    # Prefixes compare all objects of both sides.
    sides += 4 * len(config.matryoshka_dims)
    return arrays * _BYTES * sides * config.mini_batch_size**2


def _head_parameters(config):
    if config.output_layer == "in_batch_softmax":
        return int(config.learn_temperature)
    if config.output_layer == "cosent":
        return 0
    if config.output_layer == "embedding":
        width = config.target_embedding_dim or config.enc_dim
        return 0 if width == config.enc_dim else (config.enc_dim + 1) * width
    dim = config.enc_dim
    widths = {"concat": 2 * dim, "dot": 1, "cosine": 1}
    widths["block_cosine"] = -(-dim // 32)
    width = sum(widths.get(name, dim) for name in config.comparator_list)
    total = 0
    for _ in range(config.mlp_layers):
        total += (width + 1) * config.mlp_dim
        width = config.mlp_dim
    outputs = config.num_classes if config.output_layer == "softmax" else 1
    return total + (width + 1) * outputs


def _size(count):
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
