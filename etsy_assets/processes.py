"""The processes of this machine."""

import os


def is_alive(process: int) -> bool:
    """Whether a process of this id runs, whoever owns it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
