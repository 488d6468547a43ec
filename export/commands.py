"""The commands `o2v export` and `o2v sagemaker-train`."""

import argparse
import json

from export import sagemaker_train
from o2v_keras.command import SERVE
from o2v_keras.command import CommandError
from o2v_keras.command import Commands
from o2v_keras.command_line.option_groups import add_dim
from o2v_keras.data.job_options import add_import_option
from o2v_keras.data.job_options import import_modules
from o2v_keras.start_tensorflow import start_tensorflow
from serving.signatures import EXPORT_MODES

_NOT_ACCEPTED = 1
_TEXTS = (
    "It takes texts: servers know its operations; in Python, import "
    "tensorflow_text before tf.saved_model.load."
)


def add_commands(commands: Commands) -> None:
    """Adds both commands."""
    parser = commands.add(
        "export",
        _export,
        "export a trained model for TF Serving",
        SERVE,
        epilog="Exit status 1: the export does not answer as its model does.",
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="model directory or .keras file",
    )
    add_import_option(parser)
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
        choices=EXPORT_MODES,
        default="both",
        help="which signatures; in0 or in1: the tower of that side alone; "
        "default: both",
    )
    add_dim(parser)
    parser.add_argument(
        "--table-precision",
        choices=("float32", "int8"),
        default="float32",
        help="int8: token tables of a quarter of the size; default: float32",
    )
    sagemaker_train.add_command(commands)


def _export(options: argparse.Namespace):
    start_tensorflow()
    from export.saved_model import AcceptanceError
    from export.saved_model import export_saved_model
    from export.saved_model import signature_lines
    from o2v_keras import load_model

    import_modules(options)
    try:
        folder = export_saved_model(
            load_model(options.model),
            options.output,
            options.version,
            options.mode,
            options.dim,
            options.table_precision,
        )
    except AcceptanceError as error:
        raise CommandError(error, _NOT_ACCEPTED) from error
    print(folder)
    lines = signature_lines(folder)
    for line in lines:
        print(f"  {line}")
    if options.table_precision == "int8":
        file = folder / "assets.extra" / "export.json"
        cosine = json.loads(file.read_text())["least_cosine"]
        print(
            "  Token tables are int8: cosine of embeddings with those of "
            f"float32 tables at least {cosine:.5f}."
        )
    if any(" string [" in line for line in lines):
        print(f"  {_TEXTS}")
