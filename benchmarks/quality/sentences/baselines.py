"""What answers without a model of ours score on the same splits."""

import re
import unicodedata

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.quality.sentences.tasks import Pairs
from benchmarks.quality.sentences.tasks import Task
from benchmarks.quality.sentences.word_features import GLOVE_DIM
from benchmarks.quality.sentences.word_features import glove
from benchmarks.quality.wordllama import untrained_model
from benchmarks.quality.wordllama import wordllama_folder
from notebooks.sizes import sized
from o2v_keras.evaluation.inference import embed

_NEGATIONS = {"no", "not", "nobody", "none", "nothing", "never", "n't"}


def baselines(task: Task, split: str) -> dict[str, float]:
    """Returns name -> score on a split; all learn from the training split.

    The boosted trees have the features of a solid bag of words: the cosines,
    overlap, containment both ways, lengths and negations.
    """
    train, pairs = task.load("train"), task.load(split)
    cosines = {
        "word TF-IDF cosine": _tfidf(train, analyzer="word"),
        "character 2-4-gram TF-IDF cosine": _tfidf(
            train, analyzer="char_wb", ngram_range=(2, 4)
        ),
        "averaged GloVe cosine": _glove_cosine,
    }
    if wordllama_folder() is not None:
        cosines["wordllama untrained, cosine"] = _wordllama_cosine
    features = [
        np.column_stack(
            [_overlap(part), *(cosine(part) for cosine in cosines.values())]
        )
        for part in (train, pairs)
    ]
    trees = _trees(task).fit(features[0], train.label)
    if task.classes:
        majority = np.bincount(train.label.astype(int)).argmax()
        scores = {"majority": float(np.mean(pairs.label == majority))}
        predictions = trees.predict_proba(features[1])
    else:
        scores = {
            name: task.score(pairs.label, cosine(pairs))
            for name, cosine in cosines.items()
        }
        predictions = trees.predict(features[1])
    scores["boosted trees on overlap and cosines"] = task.score(
        pairs.label, predictions
    )
    return {name: float(score) for name, score in scores.items()}


def _trees(task):
    kind = (
        GradientBoostingClassifier
        if task.classes
        else GradientBoostingRegressor
    )
    return kind(
        n_estimators=sized(200, quick=2), learning_rate=0.05, random_state=0
    )


def _tfidf(train, **options):
    vectorizer = TfidfVectorizer(**options).fit(train.in0 + train.in1)

    def cosine(pairs):
        first, second = map(vectorizer.transform, (pairs.in0, pairs.in1))
        return np.asarray(first.multiply(second).sum(axis=1)).ravel()

    return cosine


def _glove_cosine(pairs: Pairs):
    return _cosine(_glove_means(pairs.in0), _glove_means(pairs.in1))


def _wordllama_cosine(pairs: Pairs):
    model, sides = untrained_model(), {"in0": pairs.in0, "in1": pairs.in1}
    return _cosine(*(embed(model, side, sides) for side in sides))


def _cosine(first, second):
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.sum(first * second, axis=1) / np.maximum(lengths, 1e-9)


def _glove_means(texts):
    vectors = glove()
    zeros = [np.zeros(GLOVE_DIM)]
    return np.array(
        [
            np.mean([vectors[w] for w in _words(t) if w in vectors] or zeros, 0)
            for t in texts
        ]
    )


def _overlap(pairs: Pairs):
    rows = []
    for texts in zip(pairs.in0, pairs.in1, strict=True):
        first, second = map(_words, texts)
        one, other = set(first), set(second)
        common = len(one & other)
        rows.append(
            [
                common / max(1, len(one | other)),
                common / max(1, len(one)),
                common / max(1, len(other)),
                len(first) - len(second),
                len(first) + len(second),
                len(one & _NEGATIONS) - len(other & _NEGATIONS),
                len(one & _NEGATIONS) + len(other & _NEGATIONS),
            ]
        )
    return np.array(rows, float)


def _words(text):
    text = unicodedata.normalize("NFKC", text).casefold()
    return re.findall(r"\w+|[^\w\s]", text)
