"""The two sets of pins that pip cannot join into one."""

import pathlib

ROOT = pathlib.Path(__file__).parents[1]
BEAMS_OWN = {"apache-beam", "google-crc32c"}


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_beam_runs_on_what_the_package_runs_on():
    package, beam = pins("requirements.txt"), pins("requirements-beam.txt")
    assert beam.keys() - package.keys() == BEAMS_OWN
    assert package.keys() <= beam.keys()
    differing = {name for name in package if package[name] != beam[name]}
    assert differing == {"pyarrow"}
    # The reason to hold pyarrow back; drop the file when it is gone.
    assert int(beam["pyarrow"].split(".")[0]) < 26
