"""The same model in PyTorch, as its users write it for speed.

Sparse gradients and SparseAdam for the tables, batches of like length, LSTMs
over packed sequences. Run by `benchmarks.training` with a folder, in an
interpreter that has torch and NumPy and nothing of ours but `rounds`.
"""

import json
import pathlib
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.rounds import play_rounds

WARM_UP = 10
# Pairs are sorted by length within so many batches, so that batches are of
# like length and their order stays random.
SORTED_BATCHES = 100


class Pooled(nn.Module):
    """The mean of the real tokens."""

    def __init__(self, table, config):
        super().__init__()
        self.table = table
        self.dropout = nn.Dropout(config["dropout"])

    def forward(self, ids, lengths):
        real = (ids != 0).unsqueeze(-1)
        total = (self.table(ids) * real).sum(dim=1)
        return self.dropout(total / lengths.unsqueeze(-1))


class HCNN(nn.Module):
    """The maxima of a stack of convolutions."""

    def __init__(self, table, config, layers):
        super().__init__()
        self.table = table
        filters = config["enc_dim"] // layers
        sizes = [table.embedding_dim] + [filters] * layers
        self.convolutions = nn.ModuleList(
            nn.Conv1d(
                size, filters, config["enc0_cnn_filter_width"], padding="same"
            )
            for size in sizes[:-1]
        )

    def forward(self, ids, lengths):
        real = (ids != 0).unsqueeze(1)
        hidden = self.table(ids).transpose(1, 2) * real
        maxima = []
        for convolution in self.convolutions:
            hidden = functional.relu(convolution(hidden)) * real
            maxima.append(hidden.amax(dim=2))
        return torch.cat(maxima, dim=1)


class BiLSTM(nn.Module):
    """The maxima of a bidirectional LSTM over time."""

    def __init__(self, table, config, layers):
        super().__init__()
        self.table = table
        self.lstm = nn.LSTM(
            table.embedding_dim,
            config["enc_dim"] // 2,
            layers,
            batch_first=True,
            bidirectional=True,
        )

    def forward(self, ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.table(ids), lengths, batch_first=True, enforce_sorted=False
        )
        hidden, _ = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, padding_value=-1.0
        )
        return hidden.amax(dim=1)


class Pairs(nn.Module):
    """Two encoders, a comparator, an MLP and a head."""

    def __init__(self, config, layers):
        super().__init__()
        tables = [_table(config, "enc0"), _table(config, "enc1")]
        if config["tied_token_embedding_weight"]:
            tables[1] = tables[0]
        self.encoders = nn.ModuleList(
            _encoder(table, config, count)
            for table, count in zip(tables, layers, strict=True)
        )
        self.comparators = config["comparator_list"]
        widths = {"hadamard": 1, "concat": 2, "abs_diff": 1}
        width = config["enc_dim"] * sum(widths[c] for c in self.comparators)
        activation = {"tanh": nn.Tanh, "relu": nn.ReLU, "linear": nn.Identity}
        stack = []
        for _ in range(config["mlp_layers"]):
            stack += [
                nn.Linear(width, config["mlp_dim"]),
                activation[config["mlp_activation"]](),
                nn.Dropout(config["dropout"]),
            ]
            width = config["mlp_dim"]
        self.softmax = config["output_layer"] == "softmax"
        outputs = config["num_classes"] if self.softmax else 1
        self.head = nn.Sequential(*stack, nn.Linear(width, outputs))

    def forward(self, sides):
        first, second = (
            encoder(*side)
            for encoder, side in zip(self.encoders, sides, strict=True)
        )
        compared = {
            "hadamard": lambda: first * second,
            "concat": lambda: torch.cat([first, second], dim=1),
            "abs_diff": lambda: (first - second).abs(),
        }
        return self.head(
            torch.cat([compared[name]() for name in self.comparators], dim=1)
        )


def _table(config, side):
    return nn.Embedding(
        config[f"{side}_vocab_size"],
        config[f"{side}_token_embedding_dim"],
        padding_idx=0,
        sparse=True,
    )


def _encoder(table, config, layers):
    network = config["enc0_network"]
    if network == "pooled_embedding":
        return Pooled(table, config)
    return {"hcnn": HCNN, "bilstm": BiLSTM}[network](table, config, layers)


class Batches:
    """Padded batches of pairs of like length."""

    def __init__(self, path, config):
        with np.load(path) as columns:
            columns = dict(columns)
        self._sides = []
        for side, number in (("in0", "enc0"), ("in1", "enc1")):
            offsets = columns[f"{side}_offsets"]
            lengths = np.minimum(
                np.diff(offsets), config[f"{number}_max_seq_len"]
            )
            values = columns[f"{side}_values"]
            self._sides.append((values, offsets[:-1], lengths))
        softmax = config["output_layer"] == "softmax"
        self._labels = columns["labels"].astype(
            "int64" if softmax else "float32"
        )
        self._size = config["mini_batch_size"]

    def __call__(self, number):
        """Yields `number` batches, the same ones every time."""
        generator = np.random.default_rng(0)
        rows = generator.permutation(len(self._labels))
        lengths = sum(lengths for _, _, lengths in self._sides)
        pool = self._size * SORTED_BATCHES
        batches = []
        for start in range(0, len(rows), pool):
            some = rows[start : start + pool]
            some = some[np.argsort(lengths[some], kind="stable")]
            batches += [
                some[first : first + self._size]
                for first in range(0, len(some), self._size)
            ]
        for place in generator.permutation(len(batches))[:number]:
            yield self._batch(batches[place])

    def _batch(self, rows):
        sides = []
        for values, starts, all_lengths in self._sides:
            lengths = all_lengths[rows]
            steps = np.arange(lengths.max())
            real = steps < lengths[:, None]
            places = np.where(real, starts[rows][:, None] + steps, 0)
            ids = np.where(real, values[places], 0)
            sides.append((torch.from_numpy(ids), torch.from_numpy(lengths)))
        return sides, torch.from_numpy(self._labels[rows])


def _optimizers(model, learning_rate):
    tables = {
        id(m.weight): m.weight
        for m in model.modules()
        if isinstance(m, nn.Embedding)
    }
    dense = [p for p in model.parameters() if id(p) not in tables]
    return [
        torch.optim.SparseAdam(list(tables.values()), lr=learning_rate),
        torch.optim.Adam(dense, lr=learning_rate),
    ]


def _loss(model, sides, labels):
    outputs = model(sides)
    if model.softmax:
        return functional.cross_entropy(outputs, labels)
    return functional.mse_loss(outputs.squeeze(1), labels)


def main(folder):
    """Builds the model and plays rounds."""
    folder = pathlib.Path(folder)
    setup = json.loads((folder / "setup.json").read_text())
    config = setup["config"]
    model = Pairs(config, setup["layers"])
    batches = Batches(folder / "pairs.npz", config)
    optimizers = _optimizers(model, config["learning_rate"])

    def play():
        amount = 0
        total = 0.0
        began = None
        for step, (sides, labels) in enumerate(
            batches(WARM_UP + setup["steps"])
        ):
            if step == WARM_UP:
                began = time.perf_counter()
            if began is not None:
                amount += len(labels)
            loss = _loss(model, sides, labels)
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            total += loss.detach()
        return {"amount": amount, "seconds": time.perf_counter() - began}

    play_rounds(play)


if __name__ == "__main__":
    main(*sys.argv[1:])
