"""The environment, the pins, and the ranges of whoever installs the package."""

import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).parents[1]
BEAMS_OWN = {"apache-beam", "google-crc32c"}


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def ranges(*extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = project["dependencies"]
    for extra in extras:
        texts = texts + project["optional-dependencies"][extra]
    requirements = map(Requirement, texts)
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def test_beam_runs_on_what_the_package_runs_on():
    package, beam = pins("requirements.txt"), pins("requirements-beam.txt")
    assert beam.keys() - package.keys() == BEAMS_OWN
    assert package.keys() <= beam.keys()
    differing = {name for name in package if package[name] != beam[name]}
    assert differing == {"pyarrow"}
    # The reason to hold pyarrow back; drop the file when it is gone.
    assert int(beam["pyarrow"].split(".")[0]) < 26


@pytest.mark.parametrize(
    ("file", "extras"),
    [("requirements.txt", []), ("requirements-beam.txt", ["beam"])],
)
def test_pins_are_within_the_ranges_of_installers(file, extras):
    pinned, allowed = pins(file), ranges(*extras)
    assert pinned.keys() == allowed.keys()
    for name, version in pinned.items():
        assert allowed[name].contains(version), f"{name}=={version}"


def run(tmp_path, *words):
    # In a folder of its own, so that nothing here lends a hand.
    return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)


def test_scripts_anywhere_can_import_the_packages(tmp_path):
    find = "import importlib.util as u; print(*map(u.find_spec, {names}))"
    names = ["o2v_keras", "export", "serving"]
    code = find.format(names=names)
    finished = run(tmp_path, sys.executable, "-I", "-c", code)
    assert finished.returncode == 0, finished.stderr
    assert "None" not in finished.stdout, "pip install --no-deps -e ."


def test_the_installed_command_has_all_commands(tmp_path):
    script = pathlib.Path(sysconfig.get_path("scripts"), "o2v")
    finished = run(tmp_path, script, "--help")
    assert finished.returncode == 0, finished.stderr
    for command in ("train", "export", "serve", "beam embed"):
        found = re.search(rf"^  {command} ", finished.stdout, re.M)
        assert found, f"{command}: pip install --no-deps -e ."


@pytest.mark.slow
def test_a_wheel_holds_the_files_beside_the_code(tmp_path):
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("o2v_keras", "export", "serving"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    options = "--quiet --no-deps --no-build-isolation --wheel-dir".split()
    words = [sys.executable, "-m", "pip", "wheel", *options, tmp_path, source]
    finished = run(tmp_path, *words)
    assert finished.returncode == 0, finished.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {*archive.namelist()}
    there = {
        file.relative_to(source).as_posix()
        for name in ("o2v_keras", "export", "serving")
        for file in (source / name).rglob("*")
        if file.is_file()
    }
    assert there - packed == set()
