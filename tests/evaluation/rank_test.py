import json
import os
import pathlib

import numpy as np
import pytest

from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import PairTable
from o2v_keras import embed
from o2v_keras import predict_scores
from o2v_keras import rank
from o2v_keras.data.data_error import DataError
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary

CORPUS = {"in1": [[n] for n in range(1, 9)]}
TEST = {"in0": [[1], [1], [2, 3], [4]], "in1": [[1], [5], [6], [7]]}
TRAINING = {"in0": [[1], [2, 3]], "in1": [[2], [1]], "label": [1, 0]}


def make_model(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 9,
        "enc_dim": 6,
        "mlp_dim": 5,
    }
    return Object2Vec(Object2VecConfig(**{**fields, **changes}))


@pytest.fixture(scope="module")
def model():
    return make_model()


def reference(scores, excluded):
    """Positions of TEST's targets by whole rows of scores, a query a row."""
    positions = []
    for row, targets in enumerate([[0, 4], [5], [6]]):
        left = [c for c in range(8) if c not in excluded.get(row, ())]
        order = sorted(left, key=lambda c: -scores[row, c])  # noqa: B023
        positions.append(sorted(order.index(t) + 1 for t in targets))
    return positions


def expected_metrics(positions, k):
    found = [[p <= k for p in row] for row in positions]
    return {
        f"hits@{k}": np.mean([any(row) for row in found]),
        f"recall@{k}": np.mean([np.mean(row) for row in found]),
        f"accuracy@{k}": np.mean(sum(found, [])),
        "mrr": np.mean([1 / row[0] for row in positions]),
        "mean_rank": np.mean(sum(positions, [])),
    }


def matrix(model, score):
    queries = [[1], [2, 3], [4]]
    if score == "head":
        pairs = {
            "in0": [q for q in queries for _ in range(8)],
            "in1": CORPUS["in1"] * 3,
        }
        answers = predict_scores(model, pairs)
        values = answers @ np.arange(answers.shape[1])
        return (answers[:, 0] if answers.shape[1] == 1 else values).reshape(
            3, 8
        )
    first = embed(model, "in0", {"in0": queries})
    second = embed(model, "in1", CORPUS)
    if score == "cosine":
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        second /= np.linalg.norm(second, axis=1, keepdims=True)
    return first @ second.T


@pytest.mark.parametrize(
    ("score", "changes"),
    [
        ("cosine", {}),
        pytest.param("dot", {}, marks=pytest.mark.slow),
        pytest.param("head", {}, marks=pytest.mark.slow),
        ("head", {"num_classes": 4}),
        pytest.param(
            "head",
            {"output_layer": "mean_squared_error"},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["cosine", "dot", "head", "head_classes", "head_value"],
)
def test_metrics_are_those_of_the_whole_matrix(score, changes):
    model = make_model(**changes)
    result = rank(model, TEST, CORPUS, TRAINING, score=score, at=[3])
    positions = reference(matrix(model, score), {0: [1], 1: [0]})
    for name, value in expected_metrics(positions, 3).items():
        assert result["metrics"][name] == pytest.approx(value), name
    assert (result["queries"], result["pairs"]) == (3, 4)
    assert (result["candidates"], result["excluded"]) == (8, 2)
    json.dumps(result)


def test_seen_pairs_may_stay(model):
    kept = rank(model, TEST, CORPUS, TRAINING, at=[3], keep_seen=True)
    positions = reference(matrix(model, "cosine"), {})
    expected = expected_metrics(positions, 3)
    assert kept["excluded"] == 0
    assert kept["metrics"]["mean_rank"] == pytest.approx(expected["mean_rank"])


def test_filtered_pairs_are_queries_of_their_own(model):
    result = rank(model, TEST, CORPUS, at=[3], filtered=True)
    scores = matrix(model, "cosine")
    alone = [
        1 + sum(scores[pair[0]] > scores[pair]) - _other(scores, pair)
        for pair in [(0, 0), (0, 4), (1, 5), (2, 6)]
    ]
    metrics = result["metrics"]
    assert metrics["mean_rank"] == pytest.approx(np.mean(alone))
    assert metrics["mrr"] == pytest.approx(np.mean(1 / np.array(alone)))
    assert metrics["hits@3"] == metrics["accuracy@3"]
    # One of 8 candidates, or of the 7 that are not the other target.
    random = result["baselines"]["random"]["accuracy@3"]
    assert random == pytest.approx((3 / 7 + 3 / 7 + 3 / 8 + 3 / 8) / 4)


def _other(scores, pair):
    other = {(0, 0): (0, 4), (0, 4): (0, 0)}.get(pair)
    return int(other is not None and scores[other] > scores[pair])


@pytest.mark.slow
def test_the_other_side_may_ask(model):
    test = {"in0": TEST["in1"], "in1": TEST["in0"]}
    turned = rank(model, test, {"in0": CORPUS["in1"]}, query="in1", at=[3])
    first = embed(model, "in1", {"in1": [[1], [2, 3], [4]]})
    second = embed(model, "in0", {"in0": CORPUS["in1"]})
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    expected = expected_metrics(reference(first @ second.T, {}), 3)
    assert turned["metrics"]["mrr"] == pytest.approx(expected["mrr"])


def test_head_answers_in1_queries_with_the_sides_in_place(model):
    test = {"in0": TEST["in1"], "in1": TEST["in0"]}
    turned = rank(
        model, test, {"in0": CORPUS["in1"]}, query="in1", score="head", at=[3]
    )
    pairs = {
        "in0": CORPUS["in1"] * 3,
        "in1": [q for q in [[1], [2, 3], [4]] for _ in range(8)],
    }
    scores = predict_scores(model, pairs)[:, 1].reshape(3, 8)
    expected = expected_metrics(reference(scores, {}), 3)
    assert turned["metrics"]["mrr"] == pytest.approx(expected["mrr"])


def test_files_and_tables_rank_alike(model, tmp_path):
    for name, source in (("test", TEST), ("training", TRAINING)):
        rows = [
            {"in0": in0, "in1": in1, "label": 1}
            for in0, in1 in zip(source["in0"], source["in1"], strict=True)
        ]
        text = "\n".join(map(json.dumps, rows))
        (tmp_path / f"{name}.jsonl").write_text(text)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(f'{{"in1": [{n}]}}' for n in range(1, 9)))
    files = rank(
        model, tmp_path / "test.jsonl", corpus, [tmp_path / "training.jsonl"]
    )
    table = PairTable.from_arrays(TEST["in0"], TEST["in1"])
    assert files == rank(model, table, CORPUS, TRAINING)


def test_pairs_labelled_0_are_no_targets(model):
    labelled = {**TEST, "label": [1, 0, 1, 0]}
    result = rank(model, labelled, CORPUS)
    positives = {side: TEST[side][::2] for side in TEST}
    assert result == rank(model, positives, CORPUS)
    assert rank(model, labelled, CORPUS, min_label=0)["pairs"] == 4
    with pytest.raises(DataError, match="`min_label` must leave rows"):
        rank(model, labelled, CORPUS, min_label=2)


@pytest.mark.parametrize(
    "settings",
    [
        {"tied_token_embedding_weight": True},
        {"output_layer": "in_batch_softmax", "exclude_query_tokens": True},
    ],
    ids=["tied", "excluded"],
)
def test_a_bag_of_items_does_not_find_them(settings):
    bags = {"in0": [[1, 2], [3, 4, 5]], "in1": [[3], [6]]}
    tied = make_model(**settings)
    left_out = rank(tied, bags, CORPUS, at=[3])
    assert (left_out["excluded"], left_out["excluded_own"]) == (5, 5)
    kept = rank(tied, bags, CORPUS, at=[3], keep_seen=True)
    assert kept["excluded"] == 0
    scores = embed(tied, "in0", bags) @ embed(tied, "in1", CORPUS).T
    scores[0, :2] = scores[1, 2:5] = -np.inf
    targets = scores[[0, 1], [2, 5]]
    ranks = (scores >= targets[:, None]).sum(axis=1)
    dots = rank(tied, bags, CORPUS, at=[3], score="dot")
    assert dots["metrics"]["mean_rank"] == pytest.approx(ranks.mean())


def test_ids_of_two_tables_are_left_out_on_demand(model):
    bags = {"in0": [[1, 2], [3, 4, 5]], "in1": [[3], [6]]}
    assert rank(model, bags, CORPUS)["excluded"] == 0
    assert rank(model, bags, CORPUS, exclude_own=True)["excluded_own"] == 5
    # Sequences may hold one another's words.
    corpus = {"in1": [*CORPUS["in1"], [1, 2]]}
    tied = make_model(tied_token_embedding_weight=True)
    assert rank(tied, bags, corpus)["excluded"] == 0


def test_candidates_of_the_querys_own_rows(model):
    labelled = {
        "in0": [[1], [1], [1], [2, 3], [2, 3], [4]],
        "in1": [[5], [6], [7], [8], [5], [8]],
        "label": [1, 0, 0, 0, 1, 0],
    }
    result = rank(model, labelled, at=[1], given_candidates=True, score="head")
    counts = [result[n] for n in ("rows", "queries", "pairs", "candidates")]
    assert counts == [2, 2, 2, 4]
    answers = predict_scores(model, labelled)[:, 1]
    ranks = [
        1 + (answers[1:3] >= answers[0]).sum(),
        1 + (answers[3] >= answers[4]),
    ]
    assert result["metrics"]["mean_rank"] == pytest.approx(np.mean(ranks))
    random = result["baselines"]["random"]
    assert random["mean_rank"] == pytest.approx((2 + 1.5) / 2)


def test_rows_of_one_query_are_counted(model):
    result = rank(model, TEST, CORPUS)
    assert (result["rows"], result["queries"]) == (4, 3)


@pytest.mark.slow
def test_every_rating_is_a_target_unless_a_least_one_is_given():
    model = make_model(output_layer="mean_squared_error")
    rated = {**TEST, "label": [1, 5, 4, 2]}
    assert rank(model, rated, CORPUS)["pairs"] == 4
    assert rank(model, rated, CORPUS, min_label=4)["pairs"] == 2


def test_a_pair_of_the_training_data_is_refused_or_ranked(model):
    leaky = {side: TEST[side] + [TRAINING[side][0]] for side in TEST}
    with pytest.raises(DataError, match=r"training data \(1 row\)\n    row 4"):
        rank(model, leaky, CORPUS, TRAINING)
    result = rank(model, leaky, CORPUS, TRAINING, allow_leaks=True)
    assert (result["leaked"], result["pairs"], result["excluded"]) == (1, 5, 1)


def test_baselines_stand_beside_the_model(model):
    words = "zero one two three four five six seven".split()
    texts = {"in0": [f"{words[0]} x", words[4], words[5], words[6]]}
    texts["in1"] = [f"the {word}" for word in words]
    result = rank(model, TEST, CORPUS, TRAINING, at=[1], texts=texts)
    baselines = result["baselines"]
    assert list(baselines) == [
        "random",
        "popularity",
        "tfidf_words",
        "tfidf_characters",
    ]
    assert all(b.keys() == result["metrics"].keys() for b in baselines.values())
    assert baselines["tfidf_words"]["hits@1"] == 1
    assert list(rank(model, TEST, CORPUS)["baselines"]) == ["random"]


@pytest.fixture
def text_model():
    words = Vocabulary(["red", "blue", "green", "house", "door"])
    tokenizer = WordTokenizer(words)
    model = make_model(enc0_tokenizer="words", enc0_vocab_size=len(words))
    model.tokenizers = PairTokenizers(tokenizer, tokenizer)
    return model


@pytest.mark.parametrize("from_files", [False, True], ids=["memory", "files"])
@pytest.mark.parametrize("with_corpus", [False, True], ids=["pairs", "corpus"])
def test_texts_are_baselines_themselves(
    text_model, tmp_path, from_files, with_corpus
):
    """Every query shares a rare word with its target alone."""
    test = {"in0": ["a red x", "the blue"], "in1": ["red door", "blue door"]}
    training = {"in0": ["green"], "in1": ["house, red"], "label": [1]}
    corpus = {"in1": ["house", "blue door", "door", "red door"]}
    if from_files:
        test, training, corpus = (
            write_records(tmp_path / f"{number}.jsonl", source)
            for number, source in enumerate([test, training, corpus])
        )
    scores = rank(
        text_model,
        test,
        corpus if with_corpus else None,
        training,
        at=[1],
        min_label=0,
        allow_leaks=True,
    )
    assert scores["candidates"] == (4 if with_corpus else 3)
    assert scores["baselines"]["tfidf_words"]["hits@1"] == 1
    assert scores["baselines"]["tfidf_characters"]["hits@1"] == 1


def test_words_of_two_vocabularies_are_not_compared(text_model):
    other = WordTokenizer(Vocabulary(["red", "blue", "green", "a", "b"]))
    first = text_model.tokenizers.in0
    text_model.tokenizers = PairTokenizers(first, other)
    test = {"in0": ["red door"], "in1": ["red"]}
    with pytest.raises(ValueError, match="number their words differently"):
        rank(text_model, test, exclude_own=True)


def write_records(path, source):
    rows = [
        dict(zip(source, row, strict=True), label=1)
        for row in zip(*source.values(), strict=True)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score": "euclid"}, "`score` must be one of cosine, dot, head"),
        ({"query": "in2"}, "`query` must be one of in0, in1"),
        ({"at": [0]}, "`at` must be a list of integers of at least 1"),
        ({"at": 10}, "`at` must be a list of integers"),
        ({"texts": {}, "corpus": None}, "`texts` must come with a `corpus`"),
        ({"texts": {"in0": ["a"]}}, "each of the 4 rows of in0. Received: 1"),
        ({"given_candidates": True}, "must come without `corpus`"),
        (
            {"given_candidates": True, "corpus": None},
            "needs rows that name a candidate and no target",
        ),
    ],
    ids=["score", "query", "zero", "number", "corpus", "texts"]
    + ["given_and_corpus", "given_targets_only"],
)
def test_arguments_are_checked(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        rank(model, TEST, **{"corpus": CORPUS, **arguments})


def test_weights_that_diverged_are_refused():
    model = make_model()
    model.token_embeddings[0].embeddings.assign(np.full((9, 6), np.nan))
    with pytest.raises(ValueError, match="finite"):
        rank(model, TEST, CORPUS)


def test_popularity_of_movielens_is_what_peers_measured():
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder or not (pathlib.Path(folder) / "ml-100k").is_dir():
        pytest.skip("needs ml-100k in the folder that O2V_DATA_DIR names")
    path = pathlib.Path(folder) / "ml-100k" / "u.data"
    pairs = np.loadtxt(path, dtype=np.int64)[:, :2]
    rows = np.random.default_rng(0).permutation(100_000)
    training, test = (
        PairTable.from_arrays(*pairs[part].T)
        for part in np.split(rows, [80_000])
    )
    model = make_model(enc0_vocab_size=1683)
    films = {"in1": np.arange(1, 1683)}
    result = rank(model, test, films, training)
    popularity = result["baselines"]["popularity"]
    # Another draw of the same split: .1163, .2167, .7683 and .4118.
    assert popularity["recall@10"] == pytest.approx(0.1163, abs=0.005)
    assert popularity["ndcg@10"] == pytest.approx(0.2167, abs=0.01)
    assert popularity["hits@10"] == pytest.approx(0.7683, abs=0.02)
    assert popularity["accuracy@100"] == pytest.approx(0.4118, abs=0.01)
    # An untrained model is as good as chance.
    chance = result["baselines"]["random"]["mean_rank"]
    assert result["metrics"]["mean_rank"] == pytest.approx(chance, rel=0.05)
    assert (result["excluded"], result["candidates"]) == (80_000, 1682)


def test_a_head_that_turns_around_is_ranked_by_its_own_sign():
    model = make_model(comparator_list="dot", mlp_layers=0)
    kernel, bias = model.get_layer("scores").get_weights()
    by_dot = rank(model, TEST, CORPUS)["metrics"]
    model.get_layer("scores").set_weights([kernel[:, ::-1], bias])
    by_head = rank(model, TEST, CORPUS, score="head")["metrics"]
    with pytest.warns(UserWarning, match="scores pairs lower whose embed"):
        assert rank(model, TEST, CORPUS)["metrics"] == by_head
    assert rank(model, TEST, CORPUS, score="dot")["metrics"] == by_dot
    assert by_head["mean_rank"] != by_dot["mean_rank"]


@pytest.mark.parametrize("score", ["cosine", "head"])
def test_prefixes_are_ranked_too(score):
    model = make_model(matryoshka_dims=(2, 4))
    widths = rank(model, TEST, CORPUS, score=score)["widths"]
    assert [*widths] == ["2", "4"]
    for table in model.token_embeddings:
        values = table.embeddings.numpy()
        values[:, 2:] = 0
        table.embeddings.assign(values)
    expected = rank(model, TEST, CORPUS, score=score)["metrics"]
    assert widths["2"]["metrics"] == pytest.approx(expected)
