import json
import re

import numpy as np
import pytest

from o2v_keras.__main__ import main
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation import nearest_unknown
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.training.hard_negatives import mine_hard_negatives
from o2v_keras.training.mining_rules import MiningRules
from o2v_keras.training.train import train
from tests.training.small_training import make_config

HEAD = {"output_layer": "in_batch_softmax"}
rng = np.random.default_rng(4)
DATA = {
    "in0": rng.integers(1, 8, (40, 1)).tolist(),
    "in1": rng.integers(8, 29, (40, 1)).tolist(),
    "label": (rng.random(40) < 0.7).astype(int).tolist(),
}
KNOWN = {"in0": [[1], [2], [3]], "in1": [[8], [9], [29]], "label": [1, 0, 1]}


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def split(records):
    """Returns the rows of the data, and the mined negatives by query."""
    rows, mined = [], {}
    for record in records:
        if "rank" not in record:
            rows.append(record)
        else:
            mined.setdefault(tuple(record["in0"]), []).append(record)
    return rows, mined


def ranked(model):
    """Query -> its unknown candidates, nearest first, and a score."""
    pairs = list(zip(DATA["in0"], DATA["in1"], DATA["label"], strict=True))
    pairs += zip(KNOWN["in0"], KNOWN["in1"], KNOWN["label"], strict=True)
    known = {(a, b) for (a,), (b,), _ in pairs}
    positives = {(a, b) for (a,), (b,), label in pairs[:40] if label}

    def vectors(encoder, ids):
        found = {i: np.asarray(encoder(np.array([[i]])))[0] for i in ids}
        return {i: v / np.linalg.norm(v) for i, v in found.items()}

    queries = vectors(model.encoder0, {a for a, _ in positives})
    candidates = vectors(model.encoder1, {b for _, b in known})
    found = {}
    for a, query in queries.items():
        scores = {b: query @ v for b, v in candidates.items()}
        least = min(scores[b] for q, b in positives if q == a)
        unknown = [b for b in scores if (a, b) not in known]
        unknown.sort(key=lambda b: -scores[b])
        found[a] = [(b, scores[b]) for b in unknown], least
    return found


@pytest.fixture(scope="module")
def model():
    return Object2Vec(make_config(**HEAD))


def mine(model, path, **settings):
    names = settings.keys() & MiningRules.__dataclass_fields__.keys()
    rules = {name: settings.pop(name) for name in names}
    return mine_hard_negatives(
        model, DATA, path, rules=MiningRules(**rules), known=KNOWN, **settings
    )


def test_the_nearest_unknown_follow_the_first_positive(
    model, tmp_path, monkeypatch
):
    monkeypatch.setattr(nearest_unknown, "_QUERIES", 3)
    monkeypatch.setattr(nearest_unknown, "_CANDIDATES", 5)
    path = tmp_path / "hard.jsonl"
    report = mine(model, path, num_negatives=2, ranks=(1, 9))
    records = read(path)
    rows, mined = split(records)
    expected = zip(*DATA.values(), strict=True)
    assert [tuple(r.values()) for r in rows] == list(expected)
    truth = ranked(model)
    assert {query for (query,) in mined} == truth.keys()
    for (query,), negatives in mined.items():
        unknown, least = truth[query]
        assert [n["in1"] for n in negatives] == [[b] for b, _ in unknown[1:3]]
        assert [n["rank"] for n in negatives] == [1, 2]
        for negative, (_, score) in zip(negatives, unknown[1:3], strict=True):
            assert negative["label"] == 0
            assert negative["similarity"] == pytest.approx(score, abs=1e-5)
            assert negative["positive_similarity"] == pytest.approx(
                least, abs=1e-5
            )
    firsts = {}
    for place, record in enumerate(records):
        if record["label"] == 1:
            firsts.setdefault(record["in0"][0], place)
    for query, place in firsts.items():
        assert [r["in0"] for r in records[place + 1 : place + 3]] == [
            [query]
        ] * 2
        assert all("rank" in r for r in records[place + 1 : place + 3])
    assert report.queries_by_negatives == {2: len(truth)}
    assert report.negatives == 2 * len(truth) == len(records) - 40
    # It trains as it is.
    table = load_pairs(str(path), model.config)
    assert len(table) == len(records)
    assert table.weight_range in (None, (1, 1))


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        ({"max_score": 0.1}, lambda least: 0.1),
        ({"absolute_margin": 0.3}, lambda least: least - 0.3),
        ({"relative_margin": 0.5}, lambda least: least - 0.5 * abs(least)),
        ({}, lambda least: 2),
    ],
    ids=["max_score", "absolute_margin", "relative_margin", "none"],
)
@pytest.mark.parametrize("sampling", ["top", "random"])
def test_negatives_keep_the_limits(model, tmp_path, rule, limit, sampling):
    path = tmp_path / "hard.jsonl"
    settings = {**rule, "sampling": sampling, "ranks": (2, 12)}
    report = mine(model, path, **settings, negatives_only=True)
    rows, mined = split(read(path))
    assert not rows
    looked_at = rejected = none = 0
    for query, (unknown, least) in ranked(model).items():
        window = unknown[2:12]
        left = [b for b, score in window if score <= limit(least)]
        looked_at += len(window)
        rejected += len(window) - len(left)
        found = [n["in1"][0] for n in mined.get((query,), [])]
        none += not found
        assert len(found) == len({*found}) == min(3, len(left))
        assert {*found} <= {*left}
        assert found == [b for b in left if b in found]
        if sampling == "top":
            assert found == left[:3]
    assert report.looked_at == looked_at
    assert report.rejected == ({next(iter(rule)): rejected} if rule else {})
    assert f"queries with none: {none}" in str(report)


def test_draws_follow_from_the_seed(model, tmp_path):
    paths = [tmp_path / f"{n}.jsonl" for n in range(3)]
    for path, seed in zip(paths, (5, 5, 6), strict=True):
        mine(model, path, sampling="random", seed=seed)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again != other


def test_texts_are_written_as_they_are(tmp_path):
    data = tmp_path / "pairs.csv"
    rows = ["q,d,label", "a Red house,das Haus,1", "a dog,der Hund,1"]
    data.write_text("\n".join([*rows, "a cat,die Katze,1", "a dog,ein Tier,0"]))
    corpus = tmp_path / "corpus.csv"
    texts = ["das Haus", "der Hund", "die Katze", "ein Tier", "ein Ding"]
    corpus.write_text("\n".join(["d", *texts]))
    columns = PairColumns("q", "d")
    config = make_config(**HEAD, enc0_tokenizer="words")
    tokenizers = learn_tokenizers(str(data), config, columns=columns, verbose=0)
    model = Object2Vec(tokenizers.configure(config))
    model.tokenizers = tokenizers
    path = tmp_path / "hard.jsonl"
    report = mine_hard_negatives(
        model, str(data), path, corpus=str(corpus), columns=columns
    )
    assert (report.queries, report.candidates) == (3, 5)
    records = read(path)
    dogs = [r for r in records if r["q"] == "a dog"]
    assert [r["label"] for r in dogs] == [1, 0, 0, 0, 0]
    mined = {r["d"] for r in dogs if "rank" in r}
    assert mined == {"das Haus", "die Katze", "ein Ding"}
    assert records[0] == {"q": "a Red house", "d": "das Haus", "label": 1}
    table = load_pairs(
        str(path), model.config, tokenizers=tokenizers, columns=columns
    )
    assert len(table) == len(records)
    with pytest.raises(ValueError, match="`data` must hold texts"):
        mine_hard_negatives(model, table, path)


def test_negatives_have_the_weight_of_the_positive_above(model, tmp_path):
    path = tmp_path / "hard.jsonl"
    weights = np.linspace(0.5, 2, 40)
    mine_hard_negatives(model, {**DATA, "weight": weights}, path)
    rows, mined = split(read(path))
    assert [r["weight"] for r in rows] == pytest.approx(weights, abs=1e-6)
    first = {}
    for record in rows:
        if record["label"]:
            first.setdefault(tuple(record["in0"]), record["weight"])
    for query, negatives in mined.items():
        assert {n["weight"] for n in negatives} == {first[query]}


def test_the_other_side_is_searched_on_request(model, tmp_path):
    path = tmp_path / "hard.jsonl"
    mine(model, path, query="in1", num_negatives=1)
    negatives = [r for r in read(path) if "rank" in r]
    rows = zip(DATA["in1"], DATA["label"], strict=True)
    positives = dict.fromkeys(b for (b,), label in rows if label)
    assert [r["in1"][0] for r in negatives] == list(positives)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ranks": (5, 5)}, "`ranks` must be .*ranks=\\(5, 5\\)"),
        ({"sampling": "best"}, "`sampling` must be top or random"),
        ({"relative_margin": -1.0}, "`relative_margin` must be at least 0"),
        ({"num_negatives": 0}, "`num_negatives` must be at least 1"),
        ({"score": "head"}, "`score` must be cosine or dot"),
    ],
    ids=["ranks", "sampling", "margin", "number", "score"],
)
def test_refuses_wrong_rules(arguments, message):
    with pytest.raises(ValueError, match=message):
        MiningRules(**arguments)


def test_refuses_what_it_cannot_write(model, tmp_path):
    path = tmp_path / "hard.jsonl"
    with pytest.raises(ValueError, match=r"`output` must be a \.jsonl"):
        mine_hard_negatives(model, DATA, tmp_path / "hard.csv")
    with pytest.raises(ValueError, match="other names than .* Received: rank"):
        mine_hard_negatives(
            model, DATA, path, columns=PairColumns(label="rank")
        )
    with pytest.raises(DataError, match="labelled 2 or more.* largest .* is 1"):
        mine_hard_negatives(model, DATA, path, min_label=2.0)
    assert not path.exists()


def test_a_failure_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "hard.jsonl"
    path.write_text("old")
    monkeypatch.setattr(
        "o2v_keras.training.mined_records.MinedRecords._record",
        lambda *arguments: 1 / 0,
    )
    with pytest.raises(ZeroDivisionError):
        mine_hard_negatives(model, DATA, path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["hard.jsonl"]


def test_command_writes_what_trains(tmp_path, capsys):
    data = tmp_path / "pairs.jsonl"
    with open(data, "w") as file:
        for in0, in1, label in zip(*DATA.values(), strict=True):
            record = {"in0": in0, "in1": in1, "label": label}
            file.write(json.dumps(record) + "\n")
    folder = tmp_path / "model"
    config = make_config(**HEAD, epochs=1)
    train(config, str(data), model_dir=folder, verbose=0)
    hard = tmp_path / "hard.jsonl"
    words = f"mine --model {folder} --data {data} --output {hard} --range 1:20"
    assert not main([*words.split(), "--num-negatives", "2"])
    printed = capsys.readouterr().out
    count = int(re.search(r"negatives: (\d+), queries with 2", printed)[1])
    assert len(read(hard)) == 40 + count
    assert main([*words.split()[:-1], "20"]) == 2
    assert "`--range` must be MIN:MAX" in capsys.readouterr().err
    train(config, str(hard), model_dir=tmp_path / "next", verbose=0)


def test_a_table_of_ids_can_be_mined(model, tmp_path):
    table = PairTable.from_arrays(DATA["in0"], DATA["in1"], DATA["label"])
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    mine_hard_negatives(model, table, first)
    mine_hard_negatives(model, DATA, second)
    assert first.read_bytes() == second.read_bytes()
