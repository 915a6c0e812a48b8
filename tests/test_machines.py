"""What reports and `info` say of a machine: its name, a mask, and that nothing is recovered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import results
from bench.evidence.estimates import Table
from bench.machine import host
from bench.microarch import Identity
from bench.model import Study
from bench.present import about, page, plain, readme
from bench.present.machines import NO_RECOVERY
from bench.present.report import Report
from tests import conftest
from tests.program import copymc
from tests.test_microarch import MACHINES

KERNELS = ("memcpy", "fast_string", "fragile")
NO_ERMS = {
    "copy_mc_path": "memcpy",
    "copy_mc_reason": "no PCI device of the fragile quirk; ERMS absent or disabled: no recovery",
}
(MASKED,) = [one["facts"] for one in MACHINES if one["title"].endswith("says Rocket Lake")]


def one_study(**facts: str) -> Study:
    points = conftest.grid([64, 4096], (0, 8))
    return conftest.made_up(KERNELS, points, lambda *_: 10.0, processes=8, facts=facts)


def flat(text: str) -> str:
    return " ".join(text.replace("\\", "").split())


def renderings(study: Study) -> list[str]:
    """Every form of a report on one file."""
    table = Table(study)
    own = Report(table)
    documents = (own.whole(), own.screen())
    return [*(flat(form(one)) for one in documents for form in (plain.render, page.render)),
            flat(readme.render(own))]  # fmt: skip


def test_every_report_names_a_masked_machine_by_its_features_and_says_the_mask() -> None:
    for text in renderings(one_study(**MASKED)):
        assert "Intel Granite Rapids class" in text
        assert "odel 6-167 says Rocket Lake, features say Granite Rapids or later" in text
        assert "a hypervisor masks it" in text


def test_a_machine_that_is_what_it_says_has_no_such_sentence() -> None:
    for text in renderings(one_study()):
        assert "AMD Zen 5" in text
        assert "features say" not in text


def test_without_erms_the_answer_of_every_report_begins_with_that_nothing_is_recovered() -> None:
    for text, other in zip(renderings(one_study(**NO_ERMS)), renderings(one_study()), strict=True):
        assert "NO RECOVERY" not in other
        words = text.replace("&#x27;", "'")
        assert NO_RECOVERY in words
        assert words.index(NO_RECOVERY) < words.index("At chosen pointers rep movsb")


def test_an_old_file_without_a_path_tells_it_by_its_flags() -> None:
    study = one_study(cpu_flags="fpu sse2 avx2")
    facts = {key: value for key, value in study.metadata.items() if key != "copy_mc_path"}
    old = Study(facts, study.processes, study.source)
    assert all("NO RECOVERY" in text for text in renderings(old))


def test_many_files_say_first_which_machines_recover_nothing(tmp_path: Path) -> None:
    for name, facts in (("a", NO_ERMS), ("b", {"cpu_family": "25-1"}), ("c", MASKED)):
        results.save(one_study(**facts), tmp_path / f"{name}.json.gz")
    files = sorted(map(str, tmp_path.glob("*.gz")))
    output = flat(copymc("report", *files).stdout)
    assert "in file 2 and recovers nothing" in output
    assert output.index("NO RECOVERY") < output.index("fast_string is faster")
    assert "File 3: model 6-167 says Rocket Lake" in output
    answer = json.loads(copymc("report", *files, "--format", "json").stdout)
    assert [file["machine"].split(",")[0] for file in answer["files"]] == [
        "AMD Zen 5", "AMD Zen 3", "Intel Granite Rapids class"
    ]  # fmt: skip


def test_info_says_first_that_nothing_is_recovered_without_erms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = host.CopyPath("memcpy", NO_ERMS["copy_mc_reason"])
    monkeypatch.setattr(host, "copy_path", lambda: path)
    assert about.as_text().startswith(NO_RECOVERY)
    assert about.as_json()["copy_mc"] == {"path": "memcpy", "reason": path.reason}


def test_info_says_what_machine_this_is_and_where_its_results_go() -> None:
    identity = host.identity()
    text = about.as_text()
    assert f"machine     {identity.name}; its results: results/{identity.key}" in text
    assert about.as_json()["machine"] == {
        "name": identity.name, "year": identity.year, "key": identity.key,
        "contradiction": identity.contradiction,
    }  # fmt: skip


def test_info_says_a_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    masked = Identity("Intel A class", 2024, "intel-a-vm", "model 6-1 says B, features say A")
    monkeypatch.setattr(host, "identity", lambda: masked)
    assert "masked      Model 6-1 says B, features say A." in about.as_text()
