"""Scores of models by recipes, and of simple baselines of each kind."""

import numpy as np
import scipy.sparse as sp
from scipy.stats import spearmanr
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from benchmarks.quality.recipes.sets import Columns
from o2v_keras import Object2Vec
from o2v_keras import evaluate
from o2v_keras import predict_scores
from o2v_keras import rank
from o2v_keras.evaluation.inference import embed

METRICS = {
    "retrieval": "recall@10",
    "ratings": "RMSE",
    "sentence-similarity": "Spearman",
    "classification": "accuracy",
    "label-text": "first label true",
}
_NEIGHBOURS = 50
_GRAMS = {"analyzer": "char_wb", "ngram_range": (2, 4)}


def scores(
    kind: str, model: Object2Vec, train: Columns, scored: Columns
) -> dict[str, float]:
    """Returns the score of a model and of baselines, by name.

    Args:
        kind: One of `METRICS`.
        model: What a recipe has trained on `train`.
        train: Training data, from which baselines learn, too.
        scored: Test or validation data.
    """
    return _SCORES[kind](model, train, scored)


def _retrieval(model, train, scored):
    found = rank(model, scored, training=train, at=[10], allow_leaks=True)
    answers = {"Object2Vec": found["metrics"], **found["baselines"]}
    answers = {name: each["recall@10"] for name, each in answers.items()}
    del answers["random"]
    if not isinstance(train["in0"][0], str):
        answers["item kNN"] = _item_knn(train, scored)
    return answers


def _item_knn(train, scored):
    """Ranks by the cosines with a query's other items, 50 neighbours each."""
    bags = not isinstance(train["in0"], np.ndarray)
    known, queries = (_bags(part, bags, train) for part in (train, scored))
    items = max(max(part["in1"]) for part in (train, scored)) + 1
    matrix = _matrix(list({tuple(bag) for bag in known}), items)
    gram = (matrix.T @ matrix).toarray()
    lengths = np.sqrt(np.diag(gram)) + 1e-9
    cosines = gram / lengths / lengths[:, None]
    np.fill_diagonal(cosines, 0)
    least = np.sort(cosines, axis=0)[-min(_NEIGHBOURS, items)]
    cosines[cosines < least] = 0
    targets = {}
    for bag, target in zip(queries, scored["in1"], strict=True):
        targets.setdefault(tuple(bag), set()).add(int(target))
    bags = list(targets)
    recalls = []
    for start in range(0, len(bags), 1024):
        part = bags[start : start + 1024]
        ranked = _matrix(part, items) @ cosines
        for row, bag in zip(ranked, part, strict=True):
            row[[0, *bag]] = -np.inf
            wanted = targets[bag] - {*bag}
            if wanted:
                top = {*np.argsort(-row)[:10].tolist()}
                recalls.append(len(top & wanted) / len(wanted))
    return float(np.mean(recalls))


def _bags(part, are_bags, train):
    if are_bags:
        # The item of a training row is one of its basket.
        own = part["in1"] if part is train else [()] * len(part["in1"])
        return [
            sorted({*bag, *np.atleast_1d(item).astype(int).tolist()})
            for bag, item in zip(part["in0"], own, strict=True)
        ]
    order = np.argsort(train["in0"], kind="stable")
    users = np.asarray(train["in0"])[order]
    starts = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
    items = np.split(np.asarray(train["in1"])[order], starts[1:])
    items = [sorted(each.tolist()) for each in items]
    of_user = dict(zip(users[starts].tolist(), items, strict=True))
    return [of_user.get(int(user), []) for user in part["in0"]]


def _matrix(bags, items):
    rows = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
    columns = np.array([item for bag in bags for item in bag], np.int64)
    shape = len(bags), items
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape)


def _ratings(model, train, scored):
    found = evaluate(model, scored, training=train)
    answers = {"Object2Vec": found["metrics"], **found["baselines"]}
    name = "root_mean_squared_error"
    return {answer: each[name] for answer, each in answers.items()}


def _similarity(model, train, scored):
    answers = {"Object2Vec": predict_scores(model, _sides(scored))[:, 0]}
    answers |= _cosines(train, scored)
    return {
        name: spearmanr(scored["label"], answer).statistic
        for name, answer in answers.items()
    }


def _classification(model, train, scored):
    classes = predict_scores(model, _sides(scored)).argmax(axis=1)
    labels = np.asarray(scored["label"])
    most = np.bincount(np.asarray(train["label"], int)).argmax()
    features = [
        np.column_stack([*_cosines(train, part).values()])
        for part in (train, scored)
    ]
    trees = GradientBoostingClassifier(random_state=0)
    trees.fit(features[0], train["label"])
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    joined = [
        [f"{a} || {b}" for a, b in zip(part["in0"], part["in1"], strict=True)]
        for part in (train, scored)
    ]
    regression = LogisticRegression(C=10, max_iter=500)
    regression.fit(words.fit_transform(joined[0]), train["label"])
    return {
        "Object2Vec": np.mean(classes == labels),
        "majority": np.mean(labels == most),
        "boosted trees on TF-IDF cosines": trees.score(features[1], labels),
        "TF-IDF + logistic regression": regression.score(
            words.transform(joined[1]), labels
        ),
    }


def _label_text(model, train, scored):
    texts = list(dict.fromkeys(scored["in0"]))
    true = {text: set() for text in texts}
    for text, label in zip(scored["in0"], scored["in1"], strict=True):
        true[text].add(label)
    names = sorted({*train["in1"]})
    encodings = [
        embed(model, side, {side: objects})
        for side, objects in (("in0", texts), ("in1", names))
    ]
    first, second = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in encodings
    )
    ours = first @ second.T

    def first_true(ranked, labels):
        best = ranked.argmax(axis=1)
        rows = zip(texts, best, strict=True)
        return np.mean([labels[number] in true[text] for text, number in rows])

    known = {}
    for text, label in zip(train["in0"], train["in1"], strict=True):
        known.setdefault(text, []).append(label)
    answers = {"Object2Vec": first_true(ours, names)}
    encoder = MultiLabelBinarizer()
    targets = encoder.fit_transform(known.values())
    kinds = {"words": {"ngram_range": (1, 2)}, "characters": _GRAMS}
    for name, options in kinds.items():
        vectorizer = TfidfVectorizer(sublinear_tf=True, **options)
        features = vectorizer.fit_transform(known)
        model = OneVsRestClassifier(LogisticRegression(C=10, max_iter=300))
        model.fit(features, targets)
        ranked = model.predict_proba(vectorizer.transform(texts))
        answers[f"TF-IDF of {name} + logistic regression"] = first_true(
            ranked, encoder.classes_
        )
    return answers


def _cosines(train, scored):
    answers = {}
    for name, options in (("words", {}), ("characters", _GRAMS)):
        vectorizer = TfidfVectorizer(**options)
        vectorizer.fit([*train["in0"], *train["in1"]])
        first, second = (vectorizer.transform(scored[s]) for s in _SIDES)
        cosines = np.asarray(first.multiply(second).sum(axis=1)).ravel()
        answers[f"TF-IDF cosine of {name}"] = cosines
    return answers


_SIDES = ("in0", "in1")


def _sides(columns):
    return {side: columns[side] for side in _SIDES}


_SCORES = {
    "retrieval": _retrieval,
    "ratings": _ratings,
    "sentence-similarity": _similarity,
    "classification": _classification,
    "label-text": _label_text,
}
