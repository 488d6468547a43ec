"""The models that are served: found, loaded, swapped and unloaded."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator

import tensorflow as tf

from serving.errors import code_name
from serving.errors import invalid_argument
from serving.local_server.metrics import Metrics
from serving.local_server.model_config import ModelConfig
from serving.local_server.model_config import ModelConfigList
from serving.local_server.model_config import check_config
from serving.local_server.model_config import missing_versions
from serving.local_server.model_config import wanted_versions
from serving.local_server.served_version import ServedVersion
from serving.local_server.served_version import State

# As TF Serving repeats it in its log.
_SAY_AGAIN_SECONDS = 30.0

_log = logging.getLogger(__name__)


class ModelRegistry:
    """Keeps the configured models loaded, as their folders change.

    One thread looks at the folders and loads. A version is warmed up before
    it answers, and the old one goes only when a wanted one is there; requests
    that still use it are waited for. Ended versions stay in the status.

    Args:
        metrics: Where to count and time.
        poll_wait_seconds: Time between two looks at the folders. Defaults to
            1; 0 looks only once.
        max_load_retries: How often a failed load is repeated. Defaults to 5.
            After that the version is given up until its folder goes away.
        load_retry_seconds: Time between two of them. Defaults to 60.
        allow_unavailable_labels: Whether a new label may name a version that
            is not loaded. Defaults to `False`.
        max_rows: How many rows a request may have. Defaults to 0: as many as
            the free memory allows; see `default_row_limit`.
    """

    def __init__(
        self,
        metrics: Metrics,
        poll_wait_seconds: float = 1.0,
        max_load_retries: int = 5,
        load_retry_seconds: float = 60.0,
        allow_unavailable_labels: bool = False,
        max_rows: int = 0,
    ):
        self._metrics = metrics
        self._poll_wait = poll_wait_seconds
        self._max_load_retries = max_load_retries
        self._load_retry = load_retry_seconds
        self._allow_unavailable_labels = allow_unavailable_labels
        self._max_rows = max_rows
        self._models: dict[str, _Model] = {}
        # Notified when a version has come to another state.
        self._changed = threading.Condition()
        self._look = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._manage, daemon=True)

    def configure(
        self,
        configs: ModelConfigList,
        is_wanted: Callable[[], bool] = lambda: True,
    ):
        """Replaces the list of models and waits until new ones answer.

        Args:
            configs: All models to serve; the others are unloaded.
            is_wanted: Says whether anybody still waits for the end.

        Raises:
            tf.errors.OpError: If the list is wrong, or a new model could not
                be loaded.
        """
        check_config(configs)
        with self._changed:
            self._check_labels(configs)
            new = [
                c.name for c in configs.config if not self._is_served(c.name)
            ]
            for model in self._models.values():
                model.config = None
            for config in configs.config:
                model = self._models.setdefault(config.name, _Model())
                model.config = config
                model.is_unseen = True
            if not self._thread.is_alive():
                self._thread.start()
        self._look.set()
        self._wait_until_available(new, is_wanted)

    def close(self):
        """Stops looking and frees all models; what still runs is cancelled."""
        self._closing = True
        self._look.set()
        if self._thread.is_alive():
            self._thread.join()
        for model in self._models.values():
            for version in model.versions.values():
                _close(version.session)

    @contextlib.contextmanager
    def lease(
        self, name: str, number: int | None = None, label: str | None = None
    ) -> Iterator[ServedVersion]:
        """Holds a loaded version for the time of a request.

        Args:
            name: Name of the model.
            number: Which version. Defaults to `None`: the highest.
            label: Which version, by its label. Defaults to `None`.

        Yields:
            The version.

        Raises:
            tf.errors.OpError: If there is no such version now.
        """
        with self._changed:
            version = self._resolve(name, number, label)
            version.users += 1
        try:
            yield version
        finally:
            with self._changed:
                version.users -= 1
                unused = self._take_unused(version)
            _close(unused)

    def status(
        self, name: str, number: int | None = None
    ) -> list[ServedVersion]:
        """Returns what is known of a model's versions, newest first.

        Raises:
            tf.errors.NotFoundError: If nothing is.
        """
        with self._changed:
            model = self._models.get(name)
            versions = dict(model.versions) if model else {}
        if number is not None:
            if number not in versions:
                raise _not_found(
                    f"Could not find version {number} of model {name}"
                )
            return [versions[number]]
        if not versions:
            raise _not_found(f"Could not find any versions of model {name}")
        return [versions[number] for number in sorted(versions, reverse=True)]

    def known_name(self, name: str) -> str:
        """Returns a name for metrics, of which strangers cannot make more."""
        return name if name in self._models else ""

    def _resolve(self, name, number, label):
        if not name:
            raise invalid_argument("ModelSpec has no name specified.")
        model = self._models.get(name)
        if label is not None:
            number = self._labelled_version(name, label)
        loaded = model.available() if model else {}
        wanted = max(loaded, default=None) if number is None else number
        if wanted not in loaded:
            request = (
                f"Latest({name})"
                if number is None
                else f"Specific({name}, {number})"
            )
            raise _not_found(f"Servable not found for request: {request}")
        return loaded[wanted]

    def _labelled_version(self, name, label):
        labels = self._labels(name)
        if label not in labels:
            raise invalid_argument(
                f"Unrecognized servable version label: {label}"
            )
        return labels[label]

    def _labels(self, name):
        is_served = self._is_served(name)
        return self._models[name].config.version_labels if is_served else {}

    def _is_served(self, name):
        return name in self._models and self._models[name].config is not None

    def _check_labels(self, configs):
        for config in configs.config:
            old = self._labels(config.name)
            model = self._models.get(config.name)
            loaded = model.available() if model else {}
            for label, number in config.version_labels.items():
                is_move = label in old and old[label] != number
                if number in loaded:
                    continue
                if is_move or not self._allow_unavailable_labels:
                    raise tf.errors.FailedPreconditionError(
                        None,
                        None,
                        f"Request to assign label to version {number} of "
                        f"model {config.name}, which is not currently "
                        "available for inference",
                    )

    def _wait_until_available(self, names, is_wanted):
        with self._changed:
            while True:
                waiting = [n for n in names if not self._models[n].available()]
                failed = [n for n in waiting if self._models[n].has_failed()]
                if failed:
                    raise self._failure(failed)
                if not waiting or not is_wanted() or self._closing:
                    return
                self._changed.wait(0.1)

    def _failure(self, names):
        causes = ""
        for name in names:
            model = self._models[name]
            for number in sorted(model.given_up):
                error = model.versions[number].error
                cause = f"{code_name(error)}: {error.message}"
                causes += (
                    f"{{{{name: {name} version: {number}}} due to error: "
                    f"{cause}}}, "
                )
        return tf.errors.UnknownError(
            None,
            None,
            f"{len(names)} model(s) did not become available: {{{causes}}}",
        )

    def _manage(self):
        while not self._closing:
            for name, model in list(self._models.items()):
                try:
                    self._see(name, model)
                    self._reconcile(model)
                except Exception:
                    # Whatever it is, the loaded versions go on answering.
                    _log.exception("Could not bring model %s up to date", name)
            self._look.wait(self._pause())
            self._look.clear()

    def _pause(self):
        waits = [self._poll_wait] if self._poll_wait > 0 else []
        for model in list(self._models.values()):
            for version in model.versions.values():
                if version.is_pending():
                    waits.append(max(version.retry_at - time.monotonic(), 0))
        return min(waits, default=None)

    def _see(self, name, model):
        """Looks which versions there are, and which of them are wanted."""
        with self._changed:
            config = model.config
            is_seen = not model.is_unseen
        if config is not None and is_seen and self._poll_wait <= 0:
            return
        try:
            found = wanted_versions(config) if config is not None else {}
        except OSError:
            # A folder that is gone for now unloads nothing.
            self._say_what_is_missing(name, model, config)
            return
        if config is not None and not found:
            self._say_what_is_missing(name, model, config)
        with self._changed:
            if model.config is not config:
                # Reconfigured meanwhile, which has asked for another look.
                return
            model.is_unseen = False
            model.wanted = set(found)
            for number, version in model.versions.items():
                if number not in found and version.is_pending():
                    version.state = State.END
            for number, path in found.items():
                last = model.versions.get(number)
                if last is None or (
                    last.state == State.END and number not in model.given_up
                ):
                    model.versions[number] = ServedVersion(
                        name, number, path, self._metrics, self._max_rows
                    )
            model.given_up &= model.wanted
            self._changed.notify_all()

    def _say_what_is_missing(self, name, model, config):
        missing = missing_versions(config)
        now = time.monotonic()
        if missing != model.missing or now >= model.say_again_at:
            _log.warning("Waiting for a version of model %s. %s", name, missing)
            model.missing = missing
            model.say_again_at = now + _SAY_AGAIN_SECONDS

    def _reconcile(self, model):
        self._unload_unwanted(model)
        for number in sorted(model.wanted, reverse=True):
            version = model.versions[number]
            if version.is_pending() and version.retry_at <= time.monotonic():
                self._load(model, version)
                self._unload_unwanted(model)

    def _load(self, model, version):
        self._move(version, State.LOADING)
        try:
            session = version.load()
        except tf.errors.OpError as error:
            self._note_failure(model, version, error)
            return
        limit = f"at most {version.max_rows:,} rows a request"
        _log.info("Serving %s, %s", version.identity, limit)
        version.session = session
        self._move(version, State.AVAILABLE)

    def _note_failure(self, model, version, error):
        _log.warning("Could not load %s: %s", version.identity, error.message)
        with self._changed:
            version.error = error
            version.attempts += 1
            version.retry_at = time.monotonic() + self._load_retry
            if version.attempts > self._max_load_retries:
                version.state = State.END
                model.given_up.add(version.number)
            self._changed.notify_all()

    def _unload_unwanted(self, model):
        with self._changed:
            loaded = model.available()
            if model.wanted and not model.wanted & loaded.keys():
                return
            unused = []
            for number in loaded.keys() - model.wanted:
                loaded[number].state = State.UNLOADING
                unused.append(self._take_unused(loaded[number]))
        for session in unused:
            _close(session)

    def _take_unused(self, version):
        """Ends an unloading version, of which the last user closes the rest.

        Freeing a large model takes time, in which the lock is not to be held.
        """
        if version.state != State.UNLOADING or version.users:
            return None
        session, version.session = version.session, None
        version.state = State.END
        self._changed.notify_all()
        return session

    def _move(self, version, state):
        with self._changed:
            version.state = state
            self._changed.notify_all()


class _Model:
    """A model's configuration, or `None` for one no longer served."""

    def __init__(self):
        self.config: ModelConfig | None = None
        self.is_unseen = True
        self.versions: dict[int, ServedVersion] = {}
        self.wanted: set[int] = set()
        # Versions that failed too often to be tried again.
        self.given_up: set[int] = set()
        # Why there is no version, and when to say it again.
        self.missing = ""
        self.say_again_at = 0.0

    def available(self):
        return {
            number: version
            for number, version in self.versions.items()
            if version.state == State.AVAILABLE
        }

    def has_failed(self):
        return bool(self.wanted) and self.wanted <= self.given_up


def _close(session):
    if session is not None:
        session.close()


def _not_found(message):
    return tf.errors.NotFoundError(None, None, message)
