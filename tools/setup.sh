#!/usr/bin/env bash
# Sets up a machine: Debian's packages for the tests, a virtual environment, and what compiles on first import.
set -euo pipefail

# The tests start a PostgreSQL server of their own; Debian's package would start one more, for the whole machine.
packages=()
command -v chromedriver >/dev/null || packages+=(chromium chromium-driver)
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || packages+=(postgresql)
if command -v apt-get >/dev/null && [ ${#packages[@]} -gt 0 ]; then
    sudo=$([ "$(id -u)" = 0 ] || command -v sudo || true)
    echo "Installing ${packages[*]}, for the tests."
    $sudo mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
    { $sudo apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" \
            >/dev/null; } || echo "They could not be installed: tests that need them will be skipped, all else works." >&2
fi

if [ ! -x "$VENV/bin/python" ]; then
    "$PYTHON" -m venv "$VENV"
fi
echo "Installing the Python packages (torch is large: a few minutes)."
"$VENV/bin/python" -m pip install -qq --disable-pip-version-check --editable ".[test]"

# rembg compiles numba code for half a minute the first time it is imported on a machine.
echo "Warming up."
"$VENV/bin/python" -c "import rembg, faiss, open_clip, transformers"
