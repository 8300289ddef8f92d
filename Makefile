# make check: everything that must hold. make test: the tests alone. make docs: the generated pages.
# make faultbench: how often the diagnosis is right, and how often it cries wolf (hours). make faultbench-quick: the same, smaller (minutes).
PYTHON ?= python

.PHONY: check lint test docs faultbench faultbench-quick

check: lint test

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m pyright
	lint-imports

test:
	$(PYTHON) -m pytest -n 2

docs:
	$(PYTHON) tools/make_docs.py

faultbench:
	$(PYTHON) -m bench.faultbench run --null --write-page

faultbench-quick:
	$(PYTHON) -m bench.faultbench run --quick
