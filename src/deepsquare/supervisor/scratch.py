"""The scratch folders of jobs: their name, and their end.

A job's script makes its scratch folder and removes it when it ends. A script that is killed cannot; so whatever an
attempt that is over has left below the shared root goes with the rest of it.
"""

import hashlib
import logging
import os
import shutil
from pathlib import Path

from deepsquare.model import JobTag

_log = logging.getLogger(__name__)

_CHECKSUM_CHARACTERS = 8


def scratch_name(tag: JobTag) -> str:
    """What the attempt's scratch folders are called after: as short as a path to a socket in them must be."""
    checksum = hashlib.sha256(str(tag).encode()).hexdigest()[:_CHECKSUM_CHARACTERS]
    return f"{tag.job_id}-{tag.attempt}-{checksum}"


def sweep(shared_root: Path, tag: JobTag) -> None:
    """Remove what the attempt has left. What cannot be removed (another account's files) is logged, not raised."""
    start = f"job-{scratch_name(tag)}-"
    try:
        left = [path for path in shared_root.iterdir() if path.name.startswith(start)]
    except FileNotFoundError:
        return
    for folder in left:
        try:
            _remove(folder)
        except OSError as error:
            _log.warning("job %d: %s is left over and cannot be removed: %s", tag.job_id, folder, error)
        else:
            _log.info("job %d: removed %s, which its script has left", tag.job_id, folder)


def _remove(folder: Path) -> None:
    """Remove a folder, also with folders in it that its owner may not enter; never follow a link out of it."""
    if folder.is_symlink():
        folder.unlink()
        return
    folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for name in names:
            inner = Path(parent, name)
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(folder)
