import os
import re
import types

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.models import presets
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training import memory
from o2v_keras.training.checkpoint import write_checkpoint
from o2v_keras.training.memory import estimate_memory
from o2v_keras.training.memory import require_memory
from o2v_keras.training.weight_files import BestWeightsFiles

NARROW = {"enc0_token_embedding_dim": 6}
TIED = {"tied_token_embedding_weight": True}
REGRESSION = {"output_layer": "mean_squared_error"}


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 500,
        "enc_dim": 12,
        "mlp_dim": 10,
        "num_classes": 3,
    }
    return Object2VecConfig(**{**fields, **changes})


def size(variables):
    return sum(4 * int(np.prod(v.shape)) for v in variables)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({**NARROW, "enc0_network": "hcnn"}, id="hcnn"),
        pytest.param(
            {**NARROW, "enc0_network": "bilstm", "enc0_layers": 2, **TIED},
            id="bilstm",
        ),
        pytest.param(
            {**NARROW, "enc0_network": "transformer", "enc0_heads": 2},
            id="transformer",
        ),
        pytest.param(
            {
                "enc0_network": "transformer",
                "enc0_token_embedding_dim": 12,
                "enc0_layers": 3,
                "enc0_heads": 2,
                "enc0_feed_forward_dim": 5,
            },
            id="transformer_without_projection",
        ),
        pytest.param(
            {"enc0_network": "pooled_embedding", **REGRESSION}, id="pooled"
        ),
        pytest.param(
            {"enc0_network": "pooled_embedding", "weight_averaging": "ema"},
            id="averaged",
        ),
        pytest.param(
            {
                **NARROW,
                "enc1_network": "bilstm",
                "enc1_max_seq_len": 4,
                "enc1_vocab_size": 200,
                "enc1_token_embedding_dim": 9,
                "comparator_list": "concat",
                "mlp_layers": 0,
            },
            id="unequal_sides",
        ),
    ],
)
def test_weights_are_those_of_the_model(changes):
    config = make_config(**changes)
    estimate = estimate_memory(config)
    weights = Object2Vec(config).weights
    tables = [w for w in weights if w.path.endswith("embeddings")]
    assert estimate.tables == size(tables)
    assert estimate.other_weights == size(weights) - size(tables)
    assert estimate.gradients == size(weights)
    assert estimate.writing == max(size([table]) for table in tables)


def test_row_sparse_gradients_leave_the_tables_out():
    changes = {**NARROW, "token_embedding_storage_type": "row_sparse"}
    estimate = estimate_memory(make_config(**changes))
    assert estimate.gradients == estimate.other_weights


@pytest.mark.parametrize("tied", [False, True], ids=["own", "tied"])
def test_frozen_tables_take_no_slots_and_no_gradient(tied):
    config = make_config(
        **NARROW,
        tied_token_embedding_weight=tied,
        enc0_pretrained_embedding_file="glove.txt",
    )
    estimate = estimate_memory(config)
    model = Object2Vec(config)
    model.optimizer.build(model.trainable_variables)
    slots = [v for v in model.optimizer.variables if len(v.shape)]
    assert estimate.optimizer == size(slots)
    assert estimate.gradients == estimate.other_weights
    assert estimate.gradients == size(model.trainable_variables)
    assert estimate.checkpoint == 3 * (2 * size(model.weights) + size(slots))


def test_counts_the_published_best_snli_run():
    encoder = 300 * 3 * 2048 + 2048 + 3 * (2048 * 3 * 2048 + 2048)
    head = 4 * 8192 * 512 + 512 + 512 * 512 + 512 + 512 * 3 + 3
    estimate = estimate_memory(Object2VecConfig(**presets.SNLI))
    assert estimate.other_weights == 4 * (2 * encoder + head)
    assert estimate.tables == 4 * 2 * 43533 * 300


@pytest.mark.parametrize(
    "name", ["adam", "adagrad", "adadelta", "rmsprop", "sgd"]
)
def test_slots_and_checkpoint_are_those_of_the_optimizer(name, tmp_path):
    config = make_config(enc0_network="pooled_embedding", optimizer=name)
    estimate = estimate_memory(config)
    model = Object2Vec(config)
    model.optimizer.build(model.trainable_variables)
    slots = [v for v in model.optimizer.variables if len(v.shape)]
    assert estimate.optimizer == size(slots)
    path = tmp_path / "checkpoint.zip"
    write_checkpoint(
        path,
        epoch=0,
        batch=0,
        state={},
        model=model.variables,
        optimizer=model.optimizer.variables,
        metrics=[],
    )
    best = BestWeightsFiles(tmp_path)
    best.keep(model, epoch=0)
    # Of each there are the last, the one before and the one being written.
    assert estimate.checkpoint == pytest.approx(
        3 * (path.stat().st_size + best.path(0).stat().st_size), rel=0.1
    )


def test_every_replica_holds_its_own_copy():
    one = estimate_memory(make_config())
    three = estimate_memory(make_config(), replicas=3)
    assert three.memory - one.memory == 2 * (one.memory - one.writing)
    assert "x 3 replicas" in str(three)
    assert "replicas" not in str(one)


def test_text_names_every_part():
    config = make_config(**NARROW, enc0_vocab_size=1_000_000)
    estimate = estimate_memory(config)
    assert "(tables 48 MB + other weights" in str(estimate)
    for part in ("optimizer 96", "gradients 48", "writing 24", "disk:"):
        assert part in str(estimate)


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize(("side", "sides"), [("in1", 1), ("both", 2)])
def test_counts_the_logits_of_a_whole_batch(side, sides, same):
    sides *= 1 + same
    config = make_config(
        output_layer="in_batch_softmax",
        mini_batch_size=1000,
        negative_sampling_side=side,
        same_side_negatives=same,
    )
    estimate = estimate_memory(config)
    assert estimate.logits == sides * 4 * 4 * 1000**2
    assert f"+ logits {16 * sides} MB" in str(estimate)
    assert "logits" not in str(estimate_memory(make_config()))
    assert estimate.memory > estimate.logits


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes seem to be free in memory and on the disk."""

    def set_free(ram, disk):
        monkeypatch.setattr(
            memory.psutil,
            "virtual_memory",
            lambda: types.SimpleNamespace(available=ram),
        )
        monkeypatch.setattr(
            memory.shutil,
            "disk_usage",
            lambda path: types.SimpleNamespace(free=disk),
        )

    return set_free


def test_refuses_what_the_machine_cannot_hold(free, tmp_path):
    config = make_config()
    estimate = estimate_memory(config)
    free(ram=estimate.memory, disk=estimate.checkpoint)
    require_memory(config, estimate, tmp_path)
    free(ram=estimate.memory - 1, disk=estimate.checkpoint)
    with pytest.raises(MemoryError, match="of memory, but .* are free"):
        require_memory(config, estimate, tmp_path)
    free(ram=estimate.memory, disk=estimate.checkpoint - 1)
    with pytest.raises(MemoryError, match=f"in {tmp_path}, but .* are free"):
        require_memory(config, estimate, tmp_path)


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Returns a function that sets what the program prints."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def set_output(text):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '{text}'\n")
        program.chmod(0o755)

    return set_output


def test_a_gpu_must_hold_a_replica(free, nvidia_smi, tmp_path):
    config = make_config(enc0_vocab_size=500_000)
    estimate = estimate_memory(config, replicas=2)
    assert estimate.of_device == estimate_memory(config).of_device
    mebibytes = estimate.of_device // 2**20
    # Main memory does not hold the replicas.
    free(ram=0, disk=estimate.checkpoint)
    nvidia_smi(f"1024\n{mebibytes + 1}\n")
    require_memory(config, estimate, tmp_path, on_gpus=True)
    nvidia_smi(f"16\n{mebibytes}\n")
    with pytest.raises(MemoryError, match="each GPU.*the largest GPU has"):
        require_memory(config, estimate, tmp_path, on_gpus=True)


@pytest.mark.parametrize("output", ["", "No devices were found\n"])
def test_an_unknown_gpu_is_not_checked(free, nvidia_smi, tmp_path, output):
    config = make_config()
    estimate = estimate_memory(config)
    free(ram=0, disk=estimate.checkpoint)
    nvidia_smi(output)
    require_memory(config, estimate, tmp_path, on_gpus=True)


def refusal(config, free, folder):
    free(ram=10**6, disk=10**15)
    with pytest.raises(MemoryError) as raised:
        require_memory(config, estimate_memory(config), folder)
    return str(raised.value)


def test_says_which_table_does_not_fit_and_what_helps(free, tmp_path):
    config = make_config(
        **NARROW,
        enc0_vocab_size=40_000,
        enc1_network="hcnn",
        enc1_max_seq_len=3,
        enc1_vocab_size=9_000_000,
        enc1_tokenizer="words",
        enc1_token_embedding_dim=64,
    )
    message = refusal(config, free, tmp_path)
    assert "token table of enc1 (9,000,000 ids x 64) is 2.3 GB" in message
    for change, after in (
        ({"token_embedding_storage_type": "row_sparse"}, "9.22 GB"),
        ({"enc1_token_embedding_dim": 32}, "5.76 GB"),
        ({"enc1_vocab_size": 900_000}, "1.16 GB"),
        ({"optimizer": "sgd"}, "6.91 GB"),
    ):
        ((name, value),) = change.items()
        assert f"{name}={value} (then {after})" in message
        needed = estimate_memory(config.replace(**change)).memory
        assert needed / 1e9 == pytest.approx(float(after[:-3]), rel=0.01)
    assert "enc1_hash_buckets hashes what a smaller vocabulary" in message


def test_advises_nothing_that_is_done_or_impossible(free, tmp_path):
    config = make_config(
        enc0_network="pooled_embedding",
        enc0_vocab_size=1_000_000,
        tied_token_embedding_weight=True,
        token_embedding_storage_type="row_sparse",
        optimizer="sgd",
    )
    message = refusal(config, free, tmp_path)
    advised = re.findall(r"(\w+)=\S+ \(then", message)
    assert advised == ["enc_dim", "enc0_vocab_size"]
    assert "hash" not in message
