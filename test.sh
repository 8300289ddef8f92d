#!/usr/bin/env bash
# Sets up and passes the tests: format, lint, types, layers, tests. Makes its own environment when none is active.
#   ./test.sh [--constraint FILE] [arguments for pytest...]
set -euo pipefail
cd "$(dirname "$0")"

constraint=()
if [[ "${1:-}" == "--constraint" ]]; then
    constraint=(-c "$2")
    shift 2
elif [[ -n "${CI:-}" ]]; then
    constraint=(-c constraints-ci.txt)
fi

. tools/environment.sh
install "${constraint[@]}" -e ".[dev]"

export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# Many tests start processes of their own: with their modules compiled once, outside of the checkout, each starts in half the time.
unset PYTHONDONTWRITEBYTECODE
PYTHONPYCACHEPREFIX="$(mktemp -d)"
export PYTHONPYCACHEPREFIX
trap 'rm -rf "$PYTHONPYCACHEPREFIX"' EXIT
run() { echo "== $*" && "$@"; }
run python -m ruff format --check .
run python -m ruff check .
run python -m pyright
run lint-imports
run vermin --quiet --no-tips --target=3.10- --violations src tools bench/*.py bench/faultbench/*.py bench/overhead bench/runs
run python -m pytest -n 2 "$@"
