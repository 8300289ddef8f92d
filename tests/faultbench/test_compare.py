"""Two results side by side: only programs that both have are compared, and what only one of them names is listed."""

import copy
import json

from bench.faultbench import compare
from bench.faultbench.programs import HERE

RESULTS = json.loads((HERE / "results.json").read_text(encoding="utf-8"))


def row(page, title, tool):
    return next(line for line in page.splitlines() if line.startswith(f"| {title} | `{tool}`"))


def test_a_program_that_only_one_has_is_left_out_and_a_lost_cause_is_named():
    other = copy.deepcopy(RESULTS)
    counted = [j for j in other["planted"] if j["counts"] and j["seen"] == "start" and j["rank"] == 1]
    gone, lost = counted[0], counted[1]
    other["planted"].remove(gone)
    lost["rank"] = 2
    page = compare.render({"a": RESULTS, "b": other})
    title = "planted faults whose evidence lies in the first steps"
    total = sum(j["counts"] and j["seen"] == "start" for j in RESULTS["planted"])
    first = sum(j["counts"] and j["seen"] == "start" and j["rank"] == 1 for j in RESULTS["planted"])
    for tool, hits in (("a", first - 1), ("b", first - 2)):
        cells = [c.strip() for c in row(page, title, tool).split("|")]
        assert cells[3] == str(total - 1)
        assert cells[5].startswith(f"{hits / (total - 1):.2f} ")
    assert f"- {lost['id']} ({', '.join(lost['truth'])}): `a`" in page
    assert page.count("): `") == 1
