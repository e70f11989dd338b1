import ast
import re
from pathlib import Path

import installer.preflight
from installer.preflight import CHECKS, IGNORABLE, MISFITS, Situation, findings_of
from tests.fakes.situation import with_facts, with_index

README = Path(__file__).parents[4] / "README.md"
SOURCES = Path(installer.preflight.__file__).parent


def test_a_good_node_has_nothing(good: Situation) -> None:
    assert findings_of(good) == ()


def test_every_finding_carries_the_name_of_its_check() -> None:
    texts = "".join(path.read_text() for path in SOURCES.glob("*.py"))
    used = set(re.findall(r"(?:problem|warning)\(\s*\"([a-z-]+)\"", texts))
    given_from_outside = {
        "duplicate-address",
        "options",
        "peer-differs",
        "peer-unreachable",
        "peers-not-probed",
        "writable",
    }
    assert used - given_from_outside == (CHECKS.keys() | MISFITS.keys()) - given_from_outside


def test_every_check_has_a_test_that_asks_whether_it_fired() -> None:
    """Its name stands in what a test asserts, or is given: not in a comment, and not as what must not be there."""
    trees = [ast.parse(path.read_bytes()) for path in Path(__file__).parent.glob("test_*.py")]
    asked = {word for tree in trees for part in ast.walk(tree) for word in words_asked_for(part)}
    assert [name for name in (*MISFITS, *CHECKS) if name not in asked] == []


def words_asked_for(part: ast.AST) -> set[str]:
    """Texts of an assertion that does not deny, and of the cases that a test is given."""
    asked: list[ast.expr] = [part.test] if isinstance(part, ast.Assert) and not denies(part.test) else []
    asked += part.decorator_list if isinstance(part, ast.FunctionDef) else []
    inner = (node for expression in asked for node in ast.walk(expression))
    return {node.value for node in inner if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def denies(expression: ast.expr) -> bool:
    return any(isinstance(node, ast.NotIn | ast.NotEq | ast.Not) for node in ast.walk(expression))


def test_an_assertion_that_denies_makes_no_check_fire() -> None:
    denying, given, asking = ast.parse(
        'assert "shm" not in names\n@given([("mig", 1)])\ndef test(): ...\nassert told(at) == ("gpus", "problem")'
    ).body
    assert [words_asked_for(part) for part in (denying, given, asking)] == [set(), {"mig"}, {"gpus", "problem"}]


def test_the_readme_names_every_check_that_a_report_may_name() -> None:
    text = README.read_text("utf-8")
    assert [name for name in sorted(CHECKS.keys() - {"options", "root"}) if f"`{name}`" not in text] == []


def test_what_no_install_could_go_on_with_cannot_be_ignored() -> None:
    """What the driver's step would refuse, after all was taken in and packages were changed, no less than the rest."""
    assert CHECKS.keys() - {"options", "root", "driver", "display-server", "gpu-held"} == IGNORABLE


def test_all_is_found_at_once_problems_first(good: Situation) -> None:
    at = with_facts(with_facts(good, "system", systemd=0), "network", firewalld=True)
    at = with_facts(with_index(at, docker=None), "docker", kubelet=True)
    assert [(found.name, found.level) for found in findings_of(at)] == [
        ("systemd", "problem"),
        ("docker", "problem"),
        ("kubelet", "warning"),
        ("firewall", "warning"),
    ]
