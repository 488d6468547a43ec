"""The output folder of a conversion, which a later run can resume."""

import json
import re
from typing import Any

from tensorflow.io import gfile

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.paths import MANIFEST
from o2v_keras.text.pair_tokenizers import SHARDS_FILE

_JOB = "_job.json"
# Other programs may have added files since the folder was found empty.
_OURS = re.compile(
    r"(pairs-\d{5,}(-of-\d{5,})?\.tfrecord(\.gz)?(\.whole)?|"
    rf"{_JOB}|{MANIFEST}|_rejected_rows\.jsonl|{re.escape(SHARDS_FILE)})(\.partial)?"
)


class ShardFolder:
    """Names and finishes the shards of one conversion.

    A shard is written as `pairs-00003.tfrecord.partial`, renamed to
    `pairs-00003.tfrecord.whole` when it is closed, and to
    `pairs-00003-of-00012.tfrecord` when the number of shards is known.
    `_job.json` describes an unfinished conversion, `_manifest.json` a finished
    one.

    Args:
        path: Folder, local or remote; created if missing.
        ending: str. `".tfrecord"` or `".tfrecord.gz"`.
    """

    def __init__(self, path: str, ending: str):
        self.path = path
        self._ending = ending
        self._whole = set()
        self._made = False

    def begin(self, job: dict[str, Any]) -> dict[str, Any] | None:
        """Claims the folder, or resumes the same job.

        Args:
            job: JSON dict of the sources and options of the shards.

        Returns:
            The manifest, if the job is already done.

        Raises:
            DataError: If the folder holds something else.
        """
        self._made = not gfile.exists(self.path)
        gfile.makedirs(self.path)
        names = set(gfile.listdir(self.path))
        if MANIFEST in names:
            manifest = self._read(MANIFEST)
            self._require_same(manifest["job"], job)
            if _JOB in names:
                gfile.remove(gfile.join(self.path, _JOB))
            return manifest
        if _JOB in names:
            self._require_same(self._read(_JOB), job)
        elif names - {f"{_JOB}.partial"}:
            raise DataError(
                f"{self.path}: holds other files, such as {min(names)}. "
                "Name a new or an empty folder."
            )
        else:
            self._write(_JOB, job)
        self._whole = {
            int(name.split("-")[1].partition(".")[0])
            for name in names
            if name.startswith("pairs-")
            and _OURS.fullmatch(name)
            and not name.endswith(".partial")
        }
        return None

    def is_whole(self, shard: int) -> bool:
        """Whether an earlier run has completed a shard."""
        return shard in self._whole

    def partial(self, shard: int) -> str:
        """Path to write a shard to."""
        return self._file(shard, f"{self._ending}.partial")

    def set_whole(self, shard: int) -> None:
        """Marks a written and closed shard as complete."""
        whole = self._file(shard, f"{self._ending}.whole")
        gfile.rename(self.partial(shard), whole, overwrite=True)

    def finish(
        self, job: dict[str, Any], rows: list[int], facts: dict[str, Any]
    ) -> dict[str, Any]:
        """Gives all shards their final names and writes the manifest.

        Args:
            job: JSON dict that was passed to `begin`.
            rows: Rows of each shard.
            facts: JSON dict of further entries of the manifest.

        Returns:
            The manifest.
        """
        names = []
        for shard in range(len(rows)):
            ending = f"-of-{len(rows):05d}{self._ending}"
            final = self._file(shard, ending)
            whole = self._file(shard, f"{self._ending}.whole")
            # An earlier run may have been killed between two shards.
            if gfile.exists(whole):
                gfile.rename(whole, final, overwrite=True)
            names.append(f"pairs-{shard:05d}{ending}")
        shards = [
            {"file": name, "rows": count}
            for name, count in zip(names, rows, strict=True)
        ]
        manifest = {**facts, "shards": shards, "job": job}
        self._write(MANIFEST, manifest)
        gfile.remove(gfile.join(self.path, _JOB))
        return manifest

    def clear_unless_begun(self) -> None:
        """Removes the files of an unfinished job without a complete shard."""
        names = gfile.listdir(self.path)
        if not any(name.endswith(".whole") for name in names):
            self.clear()

    def clear(self) -> None:
        """Removes the files of an unfinished job, and the folder if created."""
        for name in gfile.listdir(self.path):
            if _OURS.fullmatch(name):
                gfile.remove(gfile.join(self.path, name))
        if self._made and not gfile.listdir(self.path):
            gfile.rmtree(self.path)

    def _file(self, shard, ending):
        return gfile.join(self.path, f"pairs-{shard:05d}{ending}")

    def _require_same(self, saved, job):
        differing = [name for name in job if saved.get(name) != job[name]]
        if differing:
            raise DataError(
                f"{self.path}: holds a conversion of other data or with other "
                f"options; these differ: {', '.join(differing)}. Name another "
                "folder, or remove this one."
            )

    def _read(self, name):
        with gfile.GFile(gfile.join(self.path, name), "r") as file:
            return json.load(file)

    def _write(self, name, values):
        path = gfile.join(self.path, name)
        with gfile.GFile(f"{path}.partial", "w") as file:
            file.write(json.dumps(values, indent=2) + "\n")
        gfile.rename(f"{path}.partial", path, overwrite=True)
