"""The command `o2v batch`."""

import os
import sys

from o2v_keras.command import SERVE
from o2v_keras.command import CommandError
from o2v_keras.command import Commands
from o2v_keras.start_tensorflow import start_tensorflow
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import IN0
from serving.signatures import IN1
from serving.signatures import SCORES_SIGNATURE

_BAD_ROWS = 3


def add_command(commands: Commands) -> None:
    """Adds `batch`."""
    parser = commands.add(
        "batch",
        _run,
        "score pairs, or embed one side, of whole files",
        SERVE,
        interrupted="the same command goes on",
        arguments={"wait_seconds": "--server-wait"},
        description="Score pairs, or embed one side, of whole files. After a "
        "kill the same command goes on where it was.",
        epilog="Exit status: 0 all rows answered, 3 some rows are bad, 2 the "
        "job cannot run, 75 the server was away for too long: try later.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--saved-model",
        metavar="DIR",
        help="an export's version directory, or its base directory",
    )
    source.add_argument(
        "--server", metavar="HOST:PORT", help="gRPC address of a TF Serving"
    )
    parser.add_argument("--model-name", default="model", metavar="NAME")
    parser.add_argument(
        "--server-wait",
        type=float,
        default=300.0,
        metavar="S",
        help="seconds to wait for a server that does not answer, as in a "
        "restart; default: 300",
    )
    parser.add_argument(
        "--signature",
        default=SCORES_SIGNATURE,
        choices=(SCORES_SIGNATURE, EMBEDDINGS_SIGNATURE),
    )
    parser.add_argument(
        "--side", choices=(IN0, IN1), help="which side to embed"
    )
    parser.add_argument(
        "--input",
        required=True,
        nargs="+",
        metavar="F",
        help="files, globs or folders: .jsonl, .csv or .tsv, also with .gz "
        "or .zst, .parquet, and of ids .tfrecord",
    )
    for side in (IN0, IN1):
        parser.add_argument(
            f"--{side}-column",
            default=side,
            metavar="NAME",
            help=f"column, or field, of {side}; default: {side}",
        )
    parser.add_argument(
        "--id-column",
        metavar="NAME",
        help="column that names the rows, to be carried through to the output",
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--output", metavar="F", help=".jsonl, .parquet or .npy"
    )
    target.add_argument(
        "--sagemaker-output",
        metavar="DIR",
        help="write DIR/<input>.out for each input, as Batch Transform does",
    )
    parser.add_argument(
        "--bad-rows",
        metavar="F",
        help="where to list them; default: <output>.bad_rows.jsonl",
    )
    parser.add_argument("--batch-size", type=int, default=256, metavar="N")
    parser.add_argument(
        "--window",
        type=int,
        default=16384,
        metavar="N",
        help="rows sorted by length and stored together; default: 16384",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="drop what an earlier run has done or written",
    )


def _run(options):
    start_tensorflow()
    from serving.batch_inference.server_batch_model import ServerAway
    from serving.client.server_error import ServerError

    try:
        return _answer(options)
    except ServerError as error:
        raise CommandError(error) from error
    except ServerAway as error:
        raise CommandError(
            f"{error}. Finished rows are kept; the same command goes on.",
            os.EX_TEMPFAIL,
        ) from error


def _answer(options):
    from serving.batch_inference.input_files import expand_inputs
    from serving.batch_inference.job import Job
    from serving.batch_inference.run_job import run_job

    job = Job(
        inputs=expand_inputs(options.input),
        signature=options.signature,
        side=options.side,
        output=options.output,
        sagemaker_output=options.sagemaker_output,
        bad_rows=options.bad_rows,
        batch_size=options.batch_size,
        window=options.window,
        in0_column=options.in0_column,
        in1_column=options.in1_column,
        id_column=options.id_column,
    )
    model = _model(options, job.columns)
    try:
        counts = run_job(job, model, options.restart)
    finally:
        model.close()
    print(f"{counts.rows} rows, {counts.bad} bad", file=sys.stderr)
    if not counts.bad:
        return 0
    print(f"bad rows are listed in {job.bad_rows_file}", file=sys.stderr)
    return _BAD_ROWS


def _model(options, sides):
    if options.server:
        from serving.batch_inference.server_batch_model import ServerBatchModel

        return ServerBatchModel(
            options.server,
            options.model_name,
            options.signature,
            sides,
            options.batch_size,
            options.server_wait,
        )
    from serving.batch_inference.local_batch_model import LocalBatchModel

    return LocalBatchModel(options.saved_model, options.signature, sides)
