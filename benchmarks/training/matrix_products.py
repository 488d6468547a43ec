"""How fast this machine multiplies matrices with TensorFlow."""

import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402

from benchmarks.rounds import play_rounds  # noqa: E402
from notebooks.sizes import sized  # noqa: E402

SIZE = sized(2048, quick=64)
PRODUCTS = 10


def main():
    """Plays rounds of products of square float32 matrices."""
    first, second = (tf.random.normal((SIZE, SIZE)) for _ in range(2))

    def play():
        tf.matmul(first, second).numpy()
        began = time.perf_counter()
        for _ in range(PRODUCTS):
            product = tf.matmul(first, second)
        product.numpy()
        seconds = time.perf_counter() - began
        return {"amount": PRODUCTS * 2 * SIZE**3, "seconds": seconds}

    play_rounds(play)


if __name__ == "__main__":
    main()
