"""`python -m serving.batch_inference`: the same as `o2v batch`."""

import sys
from collections.abc import Sequence

from o2v_keras.command import run_alone
from serving.batch_inference.command import add_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `o2v batch` with these words, or those of the process."""
    return run_alone(add_command, "batch", arguments)


if __name__ == "__main__":
    sys.exit(main())
