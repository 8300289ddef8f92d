# make check: everything that must hold. make test: the tests alone. make docs: the generated pages.
# make faultbench: how often the diagnosis is right, and how often it cries wolf (hours). make faultbench-quick: the same, smaller (minutes).
# make overhead: what watching costs, beside other tools (minutes).
# make faultbench-experiments: the smaller one with and without experiments, side by side (an hour). make faultbench-cure: how often fix heals, beside plain search (hours).
PYTHON ?= python

.PHONY: check lint test docs faultbench faultbench-quick faultbench-experiments faultbench-cure overhead

check: lint test

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m pyright
	lint-imports
	vermin --quiet --no-tips --target=3.10- --violations src tools bench/*.py bench/faultbench/*.py bench/overhead bench/runs

test:
	$(PYTHON) -m pytest -n 2

docs:
	$(PYTHON) tools/make_docs.py

faultbench:
	$(PYTHON) -m bench.faultbench run --null --write-page

faultbench-quick:
	$(PYTHON) -m bench.faultbench run --quick

faultbench-experiments:
	$(PYTHON) -m bench.faultbench run --quick --results build/without.json
	$(PYTHON) -m bench.faultbench run --quick --experiments --results build/with.json
	$(PYTHON) -m bench.faultbench compare build/without.json build/with.json --name "netwright check --no-experiments" --name "netwright check" --write-page

overhead:
	$(PYTHON) -m bench.overhead --write-page
	$(PYTHON) -m bench.overhead.processes --write-page

faultbench-cure:
	$(PYTHON) -m bench.faultbench cure
	$(PYTHON) -m bench.faultbench cure --baseline optuna --baseline random --write-page
