"""The mask of real tokens."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="o2v_keras")
class PaddingMask(keras.layers.Layer):
    """Computes the mask of real tokens, `ids != 0`.

    SageMaker's Object2Vec masks id 0 in every encoder. The mask is a tensor
    that encoders receive as `mask=`, not an attribute of another tensor.

    Args:
        **kwargs: Base layer arguments such as `name`.

    Call arguments:
        inputs: Integer tensor of shape `(batch_size, length)`.

    Output shape:
        `(batch_size, length)`, bool: `True` at real tokens.

    Example:
    >>> PaddingMask()(np.array([[7, 9, 0]])).numpy()
    array([[ True,  True, False]])
    """

    def call(self, inputs):
        return ops.not_equal(inputs, 0)
