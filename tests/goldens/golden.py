"""Numbers that a change of the code must not change (no tests inside).

`python -m tests.goldens.golden` takes what the code gives now for right and
writes it down; do so only for a change that is meant.
"""

import hashlib
import json
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

_FOLDER = pathlib.Path(__file__).parent
_COMMAND = "python -m tests.goldens.golden"


def digest(batches):
    """Digest of every batch: names, dtypes, shapes and bytes."""
    total = hashlib.sha256()
    for batch in batches:
        for array in tf.nest.flatten(batch):
            array = np.ascontiguousarray(array)
            total.update(f"{array.dtype}{array.shape}".encode())
            total.update(array.tobytes())
    return total.hexdigest()[:16]


def expected(name, key):
    """Returns the golden value of a key of `<name>.json`."""
    return json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))[key]


def assert_golden(name, key, found):
    """Compares a value with the golden one."""
    assert found == expected(name, key), (
        f"{key} of tests/goldens/{name}.json has changed. If that is meant, "
        f"run {_COMMAND} and commit the file."
    )


def _write(name, values):
    text = json.dumps(values, indent=1, ensure_ascii=False, sort_keys=True)
    (_FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")


def main():
    from tests.goldens import batches_test
    from tests.goldens import faults_test
    from tests.goldens import training_test

    for module in (batches_test, faults_test, training_test):
        with tempfile.TemporaryDirectory() as folder:
            _write(module.NAME, module.measure(pathlib.Path(folder)))


if __name__ == "__main__":
    main()
