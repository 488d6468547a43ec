"""`python -m o2v_keras.data.beam`."""

import argparse
import logging
import sys

from o2v_keras.data.job_options import add_check_options
from o2v_keras.data.job_options import add_record_options
from o2v_keras.data.job_options import add_vocabulary_options
from o2v_keras.data.job_options import hyperparameters_of
from o2v_keras.data.job_options import with_dashed_values
from o2v_keras.quiet_start import start_tensorflow

_USER_ERROR = 2
_NO_BEAM = (
    "Apache Beam is not installed. Install it in an environment of its own: "
    "pip install -r requirements-beam.txt"
)


def main(arguments: list[str] | None = None) -> int:
    """Runs one job.

    Args:
        arguments: Words after `o2v_keras.data.beam`; those that are not ours
            go to Beam. Defaults to `None`: the process's own.

    Returns:
        The exit status: 0, or 2 for a user's error, data with errors in
        `statistics`, or a failed job.
    """
    options, beam_arguments = _parser().parse_known_args(
        with_dashed_values(arguments)
    )
    try:
        start_tensorflow()
        _import_beam()
        from o2v_keras.data.beam.pipeline_options import pipeline_options

        return options.run(options, pipeline_options(beam_arguments)) or 0
    except (OSError, RuntimeError, ValueError) as error:
        message = f"o2v_keras.data.beam {options.job}: {error}"
        print(message, file=sys.stderr)
        return _USER_ERROR


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m o2v_keras.data.beam",
        allow_abbrev=False,
        description="Jobs over corpora past one machine. A file is one "
        "worker's work, so keep a corpus in many files.",
        epilog="All other options are Beam's, such as --runner FlinkRunner; "
        "without --runner this process does the work.",
    )
    jobs = parser.add_subparsers(dest="job", required=True)

    statistics = _job(
        jobs, "statistics", _statistics, "what `o2v check` prints", "file"
    )
    add_check_options(statistics)

    words = _job(
        jobs, "vocabulary", _vocabulary, "what `o2v vocabulary` writes", "file"
    )
    words.add_argument("--columns", nargs="+", required=True, metavar="C")
    add_vocabulary_options(words)

    converter = _job(
        jobs,
        "convert",
        _convert,
        "the records that `o2v convert` writes",
        "folder",
    )
    converter.add_argument(
        "--shards", type=int, default=0, metavar="N", help="default: Beam's"
    )
    add_record_options(converter)
    return parser


def _job(jobs, name, run, text, output):
    parser = jobs.add_parser(
        name, help=text, description=text, allow_abbrev=False
    )
    parser.set_defaults(run=run)
    parser.add_argument("--input", nargs="+", required=True, metavar="F")
    parser.add_argument("--output", required=True, help=output)
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


def _statistics(options, beam_options):
    from apache_beam.io.filesystems import FileSystems

    from o2v_keras.config import Object2VecConfig
    from o2v_keras.data.beam.statistics import write_statistics
    from o2v_keras.data.checking.corpus_check import CorpusCheck
    from o2v_keras.data.read.paths import expand_paths

    config = None
    hyperparameters = hyperparameters_of(options)
    if hyperparameters:
        config = Object2VecConfig.from_hyperparameters(hyperparameters)
    files = tuple(expand_paths(options.input))
    check = CorpusCheck(files, config, options.training)
    write_statistics(check, options.output, beam_options)
    with FileSystems.open(options.output) as file:
        text = file.read().decode()
    print(text, end="")
    return _USER_ERROR if "\nerror: " in text else 0


def _vocabulary(options, beam_options):
    from o2v_keras.data.beam.vocabulary import write_vocabulary
    from o2v_keras.data.read.paths import expand_paths
    from o2v_keras.data.text.text_columns import check_text_files
    from o2v_keras.data.text.vocabulary_files import check_vocabulary_ending

    check_vocabulary_ending(options.output)
    files = expand_paths(options.input)
    check_text_files(files, options.columns)
    write_vocabulary(
        files,
        options.columns,
        options.output,
        beam_options,
        min_count=options.min_count,
        max_size=options.max_size,
        hash_buckets=options.hash_buckets,
    )
    print(options.output)


def _convert(options, beam_options):
    from o2v_keras.data.beam.convert import write_tfrecord
    from o2v_keras.data.read.paths import expand_paths

    rows, left_out = write_tfrecord(
        expand_paths(options.input),
        options.output,
        beam_options,
        shards=options.shards,
        compression=options.compression,
        sides=[options.side] if options.side else ["in0", "in1"],
        label=not options.unlabelled,
        skip_bad_rows=options.skip_bad_rows,
    )
    print(f"{rows:,} rows: {options.output}")
    if left_out:
        print(
            f"warning: {left_out:,} of {rows + left_out:,} rows have errors "
            f"and are left out; {options.output}/_rejected_rows-* holds them "
            f"with the reasons.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.exit(main())
