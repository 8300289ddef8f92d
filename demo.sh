#!/usr/bin/env bash
# Sets up netwright and runs it on a bundled faulty training script. Makes its own environment when none is active.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
start="$PWD"
cd "$here"

. tools/environment.sh
install -e ".[demo]"

cd "$start"
exec netwright demo "$@"
