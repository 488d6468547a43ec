"""`python -m serving.beam`."""

import argparse
import logging
import os
import sys

from serving.signatures import IN0
from serving.signatures import IN1

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_USER_ERROR = 2
_BAD_ROWS = 3
_NO_BEAM = (
    "Apache Beam is not installed. Install it in an environment of its own: "
    "pip install -r requirements-beam.txt"
)


def main(arguments: list[str] | None = None) -> int:
    """Runs one job.

    Args:
        arguments: Words after `serving.beam`; those that are not ours go to
            Beam. Defaults to `None`: the process's own.

    Returns:
        The exit status: 0 if all rows were answered, 3 if some are bad, 2
        for a user's error or a failed job.
    """
    options, beam_arguments = _parser().parse_known_args(arguments)
    try:
        _import_beam()
        return _run(options, beam_arguments)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"serving.beam {options.job}: {error}", file=sys.stderr)
        return _USER_ERROR


def _run(options, beam_arguments):
    from o2v_keras.data.beam.pipeline_options import pipeline_options
    from serving.beam.answer_corpus import CorpusJob
    from serving.beam.answer_corpus import answer_corpus
    from serving.beam.corpus_files import corpus_files

    job = CorpusJob(
        files=corpus_files(options.input),
        model=options.model,
        output=options.output,
        side=options.side,
        format=options.format,
        shards=options.shards,
        id_field=options.id_field,
        batch_size=options.batch_size,
        window=options.window,
    )
    rows, bad = answer_corpus(job, pipeline_options(beam_arguments))
    print(f"{rows} rows, {bad} bad", file=sys.stderr)
    if not bad:
        return 0
    told = f"{options.output}.bad_rows-*.jsonl"
    print(f"bad rows are listed in {told}", file=sys.stderr)
    return _BAD_ROWS


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m serving.beam",
        allow_abbrev=False,
        description="Score pairs, or embed one side, of corpora past one "
        "machine.",
        epilog="All other options are Beam's, such as --runner FlinkRunner; "
        "without --runner this process does the work. Exit status: 0 all "
        "rows answered, 3 some rows are bad, 2 the job cannot run.",
    )
    jobs = parser.add_subparsers(dest="job", required=True)
    embed = _job(jobs, "embed", "write one side's embeddings")
    embed.add_argument("--side", required=True, choices=(IN0, IN1))
    score = _job(jobs, "score", "write the scores of pairs")
    score.set_defaults(side=None)
    return parser


def _job(jobs, name, text):
    parser = jobs.add_parser(
        name, help=text, description=text, allow_abbrev=False
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="DIR",
        help="an export's version directory, or its base directory",
    )
    parser.add_argument(
        "--input",
        required=True,
        nargs="+",
        metavar="F",
        help="files or globs: .jsonl, .jsonl.gz, .jsonl.zst",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="PREFIX",
        help="shards are PREFIX-00000-of-00012.jsonl",
    )
    parser.add_argument(
        "--format", choices=("jsonl", "parquet"), default="jsonl"
    )
    parser.add_argument(
        "--id-field",
        metavar="NAME",
        help="field of the records that names a row; default: its file and "
        "line",
    )
    parser.add_argument(
        "--shards", type=int, default=0, metavar="N", help="default: Beam's"
    )
    parser.add_argument("--batch-size", type=int, default=256, metavar="N")
    parser.add_argument(
        "--window",
        type=int,
        default=4096,
        metavar="N",
        help="rows sent to a worker and sorted by length together",
    )
    return parser


def _import_beam():
    # It warns of libraries for BigQuery, which no job here needs.
    logging.disable(logging.WARNING)
    try:
        import apache_beam  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "apache_beam":
            raise
        raise RuntimeError(_NO_BEAM) from None
    finally:
        logging.disable(logging.NOTSET)
    # What a worker of this process raises is raised here, too.
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main())
