#!/usr/bin/env bash
# Sets up a machine: Debian's packages for the browser tests, a virtual environment, and what compiles on first import.
set -euo pipefail

if command -v apt-get >/dev/null && ! command -v chromedriver >/dev/null; then
    sudo=$([ "$(id -u)" = 0 ] || command -v sudo || true)
    echo "Installing chromium and its driver, for the browser tests."
    { $sudo apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends chromium chromium-driver \
            >/dev/null; } || echo "They could not be installed: the browser tests will be skipped, all else works." >&2
fi

if [ ! -x "$VENV/bin/python" ]; then
    "$PYTHON" -m venv "$VENV"
fi
echo "Installing the Python packages (torch is large: a few minutes)."
"$VENV/bin/python" -m pip install -qq --disable-pip-version-check --editable ".[test]"

# rembg compiles numba code for half a minute the first time it is imported on a machine.
echo "Warming up."
"$VENV/bin/python" -c "import rembg, faiss, open_clip, transformers"
