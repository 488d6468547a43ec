"""From logs, baskets and tables of texts to pairs."""

from o2v_keras.pairs.baskets import baskets
from o2v_keras.pairs.interactions import interactions
from o2v_keras.pairs.labels import labels
from o2v_keras.pairs.sequences import sequences
from o2v_keras.pairs.split import split

__all__ = ["baskets", "interactions", "labels", "sequences", "split"]
