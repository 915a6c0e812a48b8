"""The grammar of the command line: argv in, one frozen record out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench import cli
from bench.cli.grammar import parse
from bench.cli.requests import (
    Cases,
    CompareFiles,
    CompareTrees,
    Effort,
    Environ,
    InfoRequest,
    OneCase,
    Place,
    PlotRequest,
    ReportRequest,
    Request,
    RunRequest,
    Trees,
    VerifyRequest,
)
from bench.machine.contract import CopyCase
from bench.measure.plan import PRESETS
from bench.model import CopymcError
from bench.present.report import PARTS

A, B = Path("a"), Path("b")


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (("info",), InfoRequest(json=False)),
        (("run",), RunRequest()),
        (("verify",), VerifyRequest()),
        (("compare", "a", "b"), CompareFiles(A, B)),
        (("compare",), CompareTrees(RunRequest(effort=Effort(preset="quick")))),
        (("report", "a"), ReportRequest((A,))),
        (("plot", "a"), PlotRequest((A,))),
    ],
)
def test_a_command_without_options_asks_for_the_defaults_of_its_record(
    words: Sequence[str], request_: Request
) -> None:
    assert parse(words) == request_


def test_the_defaults_are_those_of_the_help() -> None:
    run = RunRequest()
    assert run.cases == Cases((), (), (), (), (), ())
    assert run.trees == Trees((), None, None, (), "uncopied")
    assert run.effort == Effort("default", None, None, None, None)
    assert not run.quiet
    assert run.environ == Environ((), everything=False)
    assert run.place == Place(None, None, None)
    assert (run.residency, run.mixes, run.plot, run.verify) == ("hot", (), False, False)
    files = CompareFiles(A, B)
    assert (files.control, files.margin, files.fail_above) == ("auto", None, None)
    assert (files.format, ReportRequest((A,)).format) == ("text", "text")
    assert PlotRequest((A,)).formats == ("png", "svg")


def test_run_asks_for_all_that_its_options_say() -> None:
    words = (
        "run --preset full --kernel memcpy,fra* --linux t@v1 --linux u --patch p "
        "--features erms,fsrm --symbol f --symbol g --contract status --size 4K,64..128 "
        "--delta 0,8,4095 --src-offset 1 --processes 6 --affinity 3-4,1 "
        "--inherit-environ A,B --copy-env --seed 7 --label l --output o "
        "--plot --verify --timing --mix page --mix file --budget 90s --quiet"
    )
    assert parse(words.split()) == RunRequest(
        cases=Cases(("memcpy", "fra*"), (64, 128, 4096), (0, 8, 4095), (1,)),
        trees=Trees(("t@v1", "u"), Path("p"), ("erms", "fsrm"), ("f", "g"), "status"),
        effort=Effort("full", 6, (1, 3, 4), 7, 90.0),
        environ=Environ(("A", "B"), everything=True),
        place=Place(Path("o"), "l"),
        mixes=("page", "file"),
        plot=True,
        verify=True,
        quiet=True,
        timing=True,
    )


def test_verify_asks_for_all_that_its_options_say() -> None:
    words = (
        "verify --kernel fragile --linux t --fault guard,poison --allow-lethal "
        "--case size=24,src_fault=13,phase=16 --payload --json"
    )
    assert parse(words.split()) == VerifyRequest(
        kernels=("fragile",),
        trees=Trees(("t",)),
        faults=("guard", "poison"),
        allow_lethal=True,
        case=OneCase(CopyCase(24, src_fault=13), phase=16),
        payload=True,
        json=True,
    )


def test_compare_of_files_asks_for_all_that_its_options_say() -> None:
    words = (
        "compare a b --kernel memcpy --size 64 --delta 8 --src-offset 1 --control fragile "
        "--margin 5% --fail-above 0.5 --format json --output o"
    )
    assert parse(words.split()) == CompareFiles(
        base=A,
        new=B,
        cases=Cases(("memcpy",), (64,), (8,), (1,)),
        control="fragile",
        margin=0.05,
        fail_above=0.005,
        format="json",
        output=Path("o"),
    )


def test_a_comparison_without_a_control_compares_seconds() -> None:
    request = parse(("compare", "a", "b", "--control", "none"))
    assert isinstance(request, CompareFiles)
    assert request.control is None


def test_compare_of_trees_is_a_run_and_a_limit() -> None:
    words = ("--linux", "t", "--linux", "u", "--size", "64", "--preset", "full", "--seed", "2")
    measured = parse(("run", *words))
    assert parse(("compare", *words, "--fail-above", "5")) == CompareTrees(measured, 0.05)  # type: ignore[arg-type]


def test_report_asks_for_all_that_its_options_say() -> None:
    words = (
        "report a b --kernel memcpy --size 64 --delta 8 --src-offset 1 --geometry 0,src-end "
        "--format html --output o --claims start-up --cases --losses --all --mix page"
    )
    assert parse(words.split()) == ReportRequest(
        files=(A, B),
        cases=Cases(("memcpy",), (64,), (8,), (1,), (), ("delta 0", "page end of the source")),
        mixes=("page",),
        parts=("cases", "losses"),
        claim="start-up",
        whole=True,
        format="html",
        output=Path("o"),
    )


def test_what_follows_claims_is_a_name_or_a_file() -> None:
    for words in ("report a.json.gz --claims", "report --claims a.json.gz"):
        assert parse(words.split()) == ReportRequest((Path("a.json.gz"),), parts=("claims",))
    one = ReportRequest((A,), claim="no-slower-than-fragile")
    assert parse(["report", "a", "--claims", "no-slower-than-fragile"]) == one
    with pytest.raises(CopymcError, match="report needs a results file"):
        parse(["report", "--claims"])
    with pytest.raises(CopymcError, match="takes one name, not start-up, placement"):
        parse(["report", "a", "--claims", "start-up", "--claims", "placement"])


def test_the_parts_of_a_report_are_those_that_the_options_name() -> None:
    for name in PARTS:
        assert parse(("report", "a", f"--{name}")) == ReportRequest((A,), parts=(name,))


def test_plot_asks_for_all_that_its_options_say() -> None:
    words = "plot a b --geometry other --format pdf --format svg --output o --answer"
    assert parse(words.split()) == PlotRequest(
        files=(A, B),
        cases=Cases(geometries=("delta other",)),
        formats=("pdf", "svg"),
        output=Path("o"),
        answer=True,
    )


@pytest.mark.parametrize(
    ("words", "processes"),
    [
        ("--preset quick", None),
        ("--preset quick --rigorous", 2 * PRESETS["quick"].processes),
        ("--preset full --fast", PRESETS["full"].processes // 2),
        ("--processes 7", 7),
        ("--processes 7 --rigorous", 14),
        ("--processes 7 --fast", 3),
        ("--processes 1 --fast", 1),
    ],
)
def test_an_effort_is_a_number_of_processes(words: str, processes: int | None) -> None:
    request = parse(("run", *words.split()))
    assert isinstance(request, RunRequest)
    assert request.effort.processes == processes


SAMPLES = {
    "--affinity": "1",
    "--budget": "90s",
    "--case": "size=1",
    "--claims": "placement",
    "--contract": "plain",
    "--control": "fragile",
    "--delta": "8",
    "--dst-offset": "8",
    "--fail-above": "5",
    "--fault": "guard",
    "--features": "erms",
    "--geometry": "src-end",
    "--inherit-environ": "A",
    "--kernel": "memcpy",
    "--label": "l",
    "--linux": "u",
    "--margin": "5",
    "--mix": "page",
    "--output": "o",
    "--patch": "p",
    "--preset": "full",
    "--processes": "3",
    "--resume": "j",
    "--seed": "3",
    "--size": "64",
    "--src-offset": "1",
    "--symbol": "f",
    **dict.fromkeys(("--all", "--cases", "--losses", "--memcpy", "--noise", "--pointers"), ""),
    **dict.fromkeys(("--recovery", "--repeat", "--reviewers", "--tables", "--answer"), ""),
    **dict.fromkeys(("--allow-lethal", "--copy-env", "--fast", "--json"), ""),
    **dict.fromkeys(("--payload", "--plot", "--quiet", "--rigorous", "--timing"), ""),
    "--verify": "",
}
"""A value of each option that is not its default; empty for one that takes none."""

FORMATS = {"plot": "pdf", "report": "json", "compare": "json"}
ONE_VALUE = {"--help", "--residency"}  # no second value to tell from the default
TAKEN_ALONE = {"--preset"}  # a comparison of files cannot tell it from the default
TREE = ("--linux", "t", "--symbol", "s")  # without which some options have no sense


def options_of(command: str, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[str, ...]]:
    """Each option in the command's help with its sample, which fails where there is none."""
    with pytest.raises(SystemExit):
        parse((command, "--help"))
    listed = re.findall(r"^  (?:-h, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    for option in sorted({*listed} - ONE_VALUE):
        sample = FORMATS[command] if option == "--format" else SAMPLES[option]
        yield (option, sample) if sample else (option,)


def fields(record: object, name: str = "") -> Iterator[tuple[str, object]]:
    """The path and value of every field that is no record itself."""
    if not dataclasses.is_dataclass(record) or name.endswith(".case"):
        yield name, record
        return
    for field in dataclasses.fields(record):
        yield from fields(getattr(record, field.name), f"{name}.{field.name}")


def changed(before: Request, after: Request) -> set[str]:
    """The fields in which two records differ."""
    one, two = dict(fields(before)), dict(fields(after))
    assert one.keys() == two.keys()
    return {name for name in one if one[name] != two[name]}


@pytest.mark.parametrize(
    "words",
    [
        ("info",),
        ("run", *TREE),
        ("verify", *TREE),
        ("report", "a"),
        ("plot", "a"),
    ],
)
def test_every_option_lands_in_exactly_one_field(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before, options = parse(words), list(options_of(words[0], capsys))
    landed = {option: changed(before, parse((*words, *option))) for option in options}
    assert landed
    assert {option for option, names in landed.items() if len(names) != 1} == set()


@pytest.mark.parametrize("words", [("compare", "a", "b"), ("compare", *TREE)])
def test_every_option_of_compare_lands_in_exactly_one_field_or_is_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = parse(words)
    for option in options_of("compare", capsys):
        try:
            after = parse((*words, *option))
        except CopymcError as error:
            assert re.search(f"^{option[0]} is for a comparison|^compare needs", str(error))  # noqa: PT017
        else:
            ignored = option[0] in TAKEN_ALONE and isinstance(before, CompareFiles)
            assert len(changed(before, after)) == 1 - ignored, option


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("run --size 4X", "size '4X'"),
        ("run --size=", "--size is empty: give it a value"),
        ("run --delta 5000", "delta '5000'"),
        ("run --src-offset y", "src_offset 'y'"),
        ("run --affinity x", "--affinity 'x' is not a list of CPUs"),
        ("run --budget soon", "duration 'soon' is not a time such as 90s"),
        ("run --budget 0s", "duration '0s' is outside"),
        ("compare a b --budget 5s", "--budget is for a comparison"),
        ("compare a b --quiet", "--quiet is for a comparison"),
        ("run --processes 0", "argument --processes: '0' is not a whole number"),
        ("run --affinity 1,x", "--affinity '1,x' is not a list of CPUs"),
        ("run --kernel memcpy,,fragile", "list 'memcpy,,fragile' has an empty name"),
        ("run --label a/b", "--label 'a/b' has a slash"),
        ("run --patch p", "--patch needs a --linux"),
        ("run --features erms", "--features needs a --linux"),
        ("verify --features erms", "--features needs a --linux"),
        ("compare --features erms", "--features needs a --linux"),
        ("run --linux t --contract plain", "--contract needs a --symbol"),
        ("compare a b --contract plain", "--contract is for a comparison"),
        ("report a --geometry q", "geometry 'q' is not one of"),
        ("compare a b --margin x", "argument --margin: 'x' is not a percentage"),
        ("compare a b --copy-env", "--copy-env is for a comparison"),
        ("verify --case size=x", "--case 'size=x' is not one of"),
        ("verify --case src_fault=1", "size is missing"),
    ],
)
def test_a_wrong_value_is_refused_before_any_stage_starts(words: str, hint: str) -> None:
    with pytest.raises(CopymcError, match=re.escape(hint)):
        parse(words.split())


TAKERS = [(command, option) for command in ("run", "verify", "compare", "report", "plot")
          for option, sample in {**SAMPLES, "--format": "png"}.items() if sample]  # fmt: skip


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_text_of_any_option_is_an_error_that_names_it(text: str) -> None:
    refused = set()
    for command, option in TAKERS:
        with pytest.raises(CopymcError) as error:
            parse((command, "file", option, text))
        if "unrecognized arguments" not in str(error.value):
            assert str(error.value) == f"{option} is empty: give it a value, or leave it out"
            refused.add(option)
    assert refused >= {*SAMPLES} - {option for option, sample in SAMPLES.items() if not sample}


@pytest.mark.parametrize("command", ["report", "plot", "compare"])
def test_an_empty_name_of_a_file_is_an_error(command: str) -> None:
    with pytest.raises(CopymcError, match="is empty: give it a value"):
        parse((command, "a", ""))


@pytest.mark.parametrize("option", ["--delta", "--src-offset", "--dst-offset", "--del"])
@pytest.mark.parametrize("joined", [False, True])
def test_a_list_may_begin_with_a_negative_number(option: str, joined: bool) -> None:
    words = (f"{option}=-64,8",) if joined else (option, "-64,8")
    request = parse(("run", *words, "--seed", "5"))
    assert isinstance(request, RunRequest)
    assert {(4032, 8), ()} == {
        request.cases.deltas, request.cases.src_offsets, request.cases.dst_offsets
    }  # fmt: skip
    assert request.effort.seed == 5


@pytest.mark.parametrize(
    "words", [("report", "--", "--delta", "-64"), ("report", "--delta", "-6", "--", "-7", "--x")]
)
def test_what_follows_two_dashes_is_a_file_whatever_it_begins_with(words: Sequence[str]) -> None:
    request = parse(words)
    assert isinstance(request, ReportRequest)
    assert list(map(str, request.files)) == list(words[words.index("--") + 1 :])


@pytest.mark.parametrize("option", ["--output", "--linux", "--mix", "--patch"])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a" * 256, "256 bytes: Linux names have 255"),
        ("a/" + "é" * 128, "256 bytes: Linux names have 255"),
        ("a/" * 2048 + "a", "4097 bytes: Linux paths have 4095"),
    ],
)
def test_a_name_that_linux_cannot_have_is_refused_in_a_short_line(
    option: str, name: str, hint: str
) -> None:
    with pytest.raises(CopymcError, match=hint) as error:
        parse(("run", "--linux", "t", option, name))
    assert len(str(error.value)) < 120


def test_a_request_cannot_be_written_to() -> None:
    for request in (parse(("run",)), parse(("run",)).cases):  # type: ignore[union-attr]
        for field in dataclasses.fields(request):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(request, field.name, None)


def test_every_request_has_one_stage() -> None:
    assert set(cli.STAGES) == set(Request.__args__)
    assert set(cli.STAGES.values()) == {"info", "run", "verify", "compare", "report", "plot"}


def test_a_destination_is_named_by_its_offset_or_by_delta_not_by_both() -> None:
    request = parse(("run", "--src-offset", "8", "--dst-offset", "0,4088"))
    assert isinstance(request, RunRequest)
    assert (request.cases.src_offsets, request.cases.dst_offsets) == ((8,), (0, 4088))
    with pytest.raises(CopymcError, match="--delta and --dst-offset both say where dst is"):
        parse(("run", "--delta", "8", "--dst-offset", "0"))
