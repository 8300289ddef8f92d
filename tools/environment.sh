# Sourced by demo.sh and test.sh from the repository's root: enters .venv unless a virtual environment is active.
if [[ -z "${VIRTUAL_ENV:-}" && -z "${CONDA_PREFIX:-}" ]]; then
    if [[ ! -x .venv/bin/python ]]; then
        for candidate in "${PYTHON:-}" python3 python; do
            if [[ -n "$candidate" ]] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
                echo "netwright: making a virtual environment in .venv" >&2
                "$candidate" -m venv .venv
                break
            fi
        done
    fi
    if [[ ! -x .venv/bin/python ]]; then
        echo "netwright: needs Python 3.10 or newer (set PYTHON=/path/to/python)" >&2
        exit 2
    fi
    . .venv/bin/activate
fi

# Quiet when all goes well; everything pip said when it does not.
install() {
    local log
    log="$(mktemp)"
    echo "netwright: installing (the first time fetches PyTorch, which takes minutes)" >&2
    if ! python -m pip install --disable-pip-version-check --quiet "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "netwright: installation failed; pip's words are above" >&2
        exit 1
    fi
    rm -f "$log"
}
