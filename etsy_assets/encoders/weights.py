"""Where an encoder's files are: a local folder if there is one, else the Hugging Face hub and its cache.

A model is always loaded from files that were found here, never by a library's own search: that is how missing weights
become one clear sentence and never a randomly initialised model.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from etsy_assets.encoders.registry import EncoderSpec, PackagedFolder
from etsy_assets.errors import ConfigurationError, PassingFault
from etsy_assets.storage import named_disk_errors

WEIGHTS_VARIABLE = "ETSY_ASSETS_WEIGHTS"

_WHOLE_FILE_BYTES = 16 << 20
_SAMPLES = 64
_SAMPLE_BYTES = 64 << 10


def local_folder(spec: EncoderSpec, weights_root: Path | None) -> Path | None:
    """The folder with this encoder's files: <weights_root>/<encoder name> if it exists, else the packaged one; None
    when they come from the hub. weights_root: default $ETSY_ASSETS_WEIGHTS.

    Raises ConfigurationError when packaged weights are not there.
    """
    if weights_root is None and os.environ.get(WEIGHTS_VARIABLE):
        weights_root = Path(os.environ[WEIGHTS_VARIABLE])
    if weights_root is not None and (folder := weights_root / spec.name).is_dir():
        return folder
    if not isinstance(spec.source, PackagedFolder):
        return None
    if not spec.source.path.is_dir():
        raise ConfigurationError(
            f"The weights of {spec.name} are missing from the package ({spec.source.path}): install the package again, "
            f"or set {WEIGHTS_VARIABLE} to a folder that holds them in a subfolder {spec.name}."
        )
    return spec.source.path


def require_file(spec: EncoderSpec, folder: Path, names: Sequence[str]) -> Path:
    """The first of `names` that lies in the folder. Raises ConfigurationError when none does."""
    for name in names:
        if (path := folder / name).is_file():
            return path
    raise ConfigurationError(
        f"The folder {folder} has no {' or '.join(names)}, which the encoder {spec.name} needs: "
        f"copy it there from {spec.home_page}, or take the folder away so that the published weights are used."
    )


def fetch(spec: EncoderSpec, repository: str, names: Sequence[str]) -> Path:
    """The first of `names` that the repository has at the spec's revision, downloaded or from the local cache.

    Raises ConfigurationError when it can't be had, saying what to do; PassingFault when the hub is busy or breaks off.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # All names in the cache before any over the network: away from it, each question costs 20 seconds of retries.
    for name in names:
        cached = try_to_load_from_cache(repository, name, revision=spec.revision)
        if isinstance(cached, str):
            return Path(cached)
    for name in names:
        try:
            return Path(hf_hub_download(repository, name, revision=spec.revision))
        except LocalEntryNotFoundError as error:
            if isinstance(error.__cause__, HfHubHTTPError):
                raise _refused(spec, name, error.__cause__.response.status_code) from error
            raise ConfigurationError(_not_on_this_machine(spec, repository, names)) from error
        except EntryNotFoundError:
            continue
        except GatedRepoError as error:
            raise _refused(spec, name, 403) from error
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise ConfigurationError(
                f"The hub has no {repository} at revision {spec.revision}, or the token in HF_TOKEN may not see it: "
                f"check {spec.home_page}, or {_put_files_in(spec, names)}."
            ) from error
        except HfHubHTTPError as error:
            raise _refused(spec, name, error.response.status_code) from error
        except OSError as error:
            with named_disk_errors(Path(error.filename or "the Hugging Face cache (HF_HOME)")):
                raise
        except Exception as error:
            # What a connection raises when it breaks off differs with the HTTP library under huggingface_hub.
            raise PassingFault(f"Fetching {name} of {repository} broke off: {type(error).__name__}: {error}") from error
    raise ConfigurationError(
        f"The repository {repository} has no {' or '.join(names)} at revision {spec.revision}: "
        f"{_put_files_in(spec, names)}."
    )


@contextmanager
def named_wrong_files(spec: EncoderSpec, folder: Path) -> Iterator[None]:
    """Turns whatever a library raises over files that are damaged, or of another model, into a ConfigurationError."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, SafetensorError, UnpicklingError) as error:
        detail = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ConfigurationError(
            f"The files in {folder} are damaged or not those of {spec.name}: put the files of {spec.home_page} "
            f"in their place ({detail})."
        ) from error


def checkpoint_digest(path: Path) -> str:
    """16 hexadecimal digits that tell one checkpoint from another: the SHA-256 of the file, or above 16 MiB of its size
    and 64 evenly spaced samples of 64 KiB. Training changes every weight, so a sample finds it, and a file of gigabytes
    need not be read twice.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= _WHOLE_FILE_BYTES:
            digest.update(file.read())
        else:
            for sample in range(_SAMPLES):
                file.seek(sample * (size - _SAMPLE_BYTES) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]


def _put_files_in(spec: EncoderSpec, names: Sequence[str]) -> str:
    return (
        f"put {' or '.join(names)} and the files beside it into a folder {spec.name} "
        f"under the folder that {WEIGHTS_VARIABLE} names"
    )


def _refused(spec: EncoderSpec, name: str, status: int) -> ConfigurationError | PassingFault:
    """What an HTTP status of the hub means: no access or no such thing (a person's work), or busy (try again)."""
    if status in (401, 403):
        return ConfigurationError(
            f"Access to the weights of {spec.name} was refused: accept the licence ({spec.licence}) at "
            f"{spec.home_page} with your Hugging Face account, then set HF_TOKEN to a read token of that account."
        )
    if status < 500 and status not in (408, 429):
        return ConfigurationError(
            f"The hub answered {status} for {name} of {spec.name}: check that {spec.home_page} is still there, or "
            f"{_put_files_in(spec, [name])}."
        )
    return PassingFault(f"The hub answered {status} for {name} of {spec.name}.")


def _not_on_this_machine(spec: EncoderSpec, repository: str, names: Sequence[str]) -> str:
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    reason = "HF_HUB_OFFLINE is set" if offline else "the Hugging Face hub can't be reached"
    licence = f" (gated: accept its licence at {spec.home_page} and set HF_TOKEN)" if spec.gated else ""
    return (
        f"The weights of {spec.name} are not on this machine and {reason}: run once with network access to fetch "
        f"{repository}{licence}, or {_put_files_in(spec, names)}."
    )
