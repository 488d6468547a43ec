"""The environment, and the two sets of pins that pip cannot join into one."""

import pathlib
import subprocess
import sys

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


def test_scripts_anywhere_can_import_the_packages(tmp_path):
    # -I: neither PYTHONPATH nor the working directory lends a hand.
    find = "import importlib.util as u; print(*map(u.find_spec, {names}))"
    names = ["o2v_keras", "export", "serving"]
    finished = subprocess.run(
        [sys.executable, "-I", "-c", find.format(names=names)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert "None" not in finished.stdout, "pip install --no-deps -e ."
