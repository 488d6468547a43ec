"""The command `python -m export`: parse, call, print."""

import argparse
import sys

from o2v_keras.data.job_options import with_dashed_values
from o2v_keras.quiet_start import start_tensorflow
from o2v_keras.registry import import_registering
from serving.signatures import MODES

_TEXTS = (
    "  It takes texts: servers know its operations; in Python, import "
    "tensorflow_text before tf.saved_model.load."
)


def main(arguments: list[str] | None = None) -> int:
    """Exports a trained model.

    Args:
        arguments: Words of the command line. Defaults to `None`: the
            process's own.

    Returns:
        The exit status: 0, 2 for a user's error, or 1 when the export failed
        its acceptance test; a message goes to the standard error output.
    """
    options = _parser().parse_args(with_dashed_values(arguments))
    start_tensorflow()
    from export.saved_model import AcceptanceError
    from export.saved_model import export_saved_model
    from export.saved_model import signature_lines
    from o2v_keras import load_model

    try:
        for module in options.modules:
            import_registering(module)
        folder = export_saved_model(
            load_model(options.model),
            options.output,
            options.version,
            options.mode,
        )
    except (ValueError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    except AcceptanceError as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    print(folder)
    lines = signature_lines(folder)
    for line in lines:
        print(f"  {line}")
    if any(" string [" in line for line in lines):
        print(_TEXTS)
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Export a trained model for TF Serving.",
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="model directory or .keras file",
    )
    parser.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module that registers encoders or comparators",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="BASE",
        help="folder of the model's versions, which the server watches",
    )
    parser.add_argument(
        "--version",
        type=int,
        metavar="N",
        help="default: one above the highest in BASE",
    )
    parser.add_argument(
        "--mode",
        choices=("both", *MODES),
        default="both",
        help="which signatures; default: both",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
