import numpy as np
import tensorflow as tf

from o2v_keras.data.convert.tf_example import make_example


def test_example_is_what_tensorflow_reads():
    record = make_example(np.array([6, 2**40]), [16, 21, 13], label=0.5)
    features = tf.train.Example.FromString(record).features.feature
    assert list(features["in0"].int64_list.value) == [6, 2**40]
    assert list(features["in1"].int64_list.value) == [16, 21, 13]
    assert list(features["label"].float_list.value) == [0.5]


def test_what_is_not_given_is_left_out():
    features = tf.train.Example.FromString(make_example(in1=[4])).features
    assert list(features.feature) == ["in1"]
