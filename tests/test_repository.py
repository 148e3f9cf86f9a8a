"""What the repository says of itself, and the scripts that change it."""

import os
from pathlib import Path
import re
import shutil
import subprocess
from typing import Any
from urllib.parse import quote, unquote

import probatio
import pytest
import yaml

from scripts import repository

ROOT = repository.ROOT
NEW = "some-body/other_name.2"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
# The commit itself, and beside it what it is called.
PINNED = re.compile(r"(?:- )?uses: [\w./-]+@[0-9a-f]{40} # \S+")


LABELED = {probatio.Required("label"): str, probatio.Optional("description"): str}
WRITTEN = LABELED | {probatio.Optional("placeholder"): str}
# What GitHub knows of a field, as far as it is used; it shows no form that has anything else.
ATTRIBUTES = {
    "dropdown": probatio.Schema(LABELED | {probatio.Required("options"): [str]}),
    "input": probatio.Schema(WRITTEN),
    "markdown": probatio.Schema({probatio.Required("value"): str}),
    "textarea": probatio.Schema(WRITTEN | {probatio.Optional("render"): str}),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a checkout of the files that name the repository, and of the script."""
    if shutil.which("git") is None:
        pytest.skip("git is missing")
    owner, name = repository.address(ROOT).encode().split(b"/")
    named = [
        path
        for path in repository.tracked(ROOT)
        if name.lower() in (ROOT / path).read_bytes().lower()
    ]
    assert {path.suffix for path in named} >= {".json", ".md", ".yaml"}
    for path in (*named, *map(Path, ("scripts/repository.py", "scripts/set-repository"))):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    odd = {"owner": owner.decode(), "name": name.decode()}
    (tmp_path / "odd.txt").write_bytes(
        "my/?owner={owner}&repository={name}&category=integration\r\n"
        "git clone https://github.com/{owner}/{name}.git\r\n"
        "See {owner}/{name}. And {owner}/{name}-card, x{owner}/{name}.\r\n".format(**odd).encode()
    )
    (tmp_path / "picture.png").write_bytes(b"\xff\xfe" + owner + b"/" + name)
    for arguments in (["init", "--quiet"], ["add", "--all"]):
        repository.git(tmp_path, *arguments)
    return tmp_path


def set_repository(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a checkout."""
    command = [str(root / "scripts" / "set-repository"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def contents(root: Path) -> dict[Path, bytes]:
    return {path: (root / path).read_bytes() for path in repository.tracked(root)}


def test_the_repository_can_be_another(copy: Path) -> None:
    old = repository.address(copy)
    owner, name = old.split("/")
    before = contents(copy)
    result = set_repository(copy, NEW)
    assert (result.returncode, result.stderr) == (0, "")
    after = contents(copy)
    changed = {path for path in before if before[path] != after[path]}
    assert result.stdout.split() == sorted(map(str, changed))
    assert repository.address(copy) == NEW
    odd = after.pop(Path("odd.txt")).decode()
    assert odd == (
        "my/?owner=some-body&repository=other_name.2&category=integration\r\n"
        f"git clone https://github.com/{NEW}.git\r\n"
        f"See {NEW}. And {old}-card, x{old}.\r\n"
    )
    assert after.pop(Path("picture.png")) == before[Path("picture.png")]
    left = [path for path, content in after.items() if f"{owner}/{name}".encode() in content]
    left += [path for path, content in after.items() if f"{owner}%2F{name}".encode() in content]
    # Nor is it there with another owner, or in other letters; the name alone may be any word.
    wrong = re.compile(
        rf"github[.\w]*\.(?:com|io)(?:/|%2F)(?:[\w.-]+(?:/|%2F))?{re.escape(name)}(?![\w-])"
        rf"|repository={re.escape(name)}(?![\w-])".encode(),
        re.IGNORECASE,
    )
    left += [path for path, content in after.items() if wrong.search(content)]
    assert left == []


def test_once_is_enough(copy: Path) -> None:
    first = contents(copy)
    assert set_repository(copy, repository.address(copy)).stdout == ""
    assert contents(copy) == first
    set_repository(copy, NEW)
    second = contents(copy)
    assert set_repository(copy, NEW).stdout == ""
    assert contents(copy) == second


@pytest.mark.parametrize(
    "name",
    [
        "",
        "name",
        "/name",
        "owner/",
        "owner/name/more",
        "-owner/name",
        "owner-/name",
        "ow--ner/name",
        "ow_ner/name",
        "owner/..",
        "owner/na me",
        "owner/name\n",
        "https://github.com/owner/name",
        "owner/name.git",
        "owner/name.GIT",
        r"owner/\1",
    ],
)
def test_no_other_names(copy: Path, name: str) -> None:
    before = contents(copy)
    result = set_repository(copy, name)
    assert (result.returncode, result.stdout) == (2, "")
    assert "OWNER/NAME" in result.stderr
    assert contents(copy) == before


def test_it_need_not_be_a_clone(copy: Path) -> None:
    """Who has downloaded it has no git's own folder, but may have used it."""
    known = repository.tracked(copy)
    below = repository.tracked(copy, Path("docs"))
    shutil.rmtree(copy / ".git")
    for name in (".tools", "dist", "scripts/__pycache__"):
        (copy / name).mkdir(exist_ok=True)
        (copy / name / "made.txt").touch()
    assert repository.tracked(copy) == known
    assert repository.tracked(copy, Path("docs")) == below
    assert set_repository(copy, NEW).stdout
    assert repository.address(copy) == NEW


def test_one_name_at_once(copy: Path) -> None:
    assert set_repository(copy).returncode == set_repository(copy, NEW, NEW).returncode == 2


def test_there_are_workflows() -> None:
    names = {path.name for path in WORKFLOWS}
    assert names == {f"{name}.yaml" for name in ("check", "e2e", "release", "test", "validate")}


def jobs(path: Path) -> dict[str, Any]:
    """Return the jobs of a workflow."""
    jobs: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return jobs


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_they_say_alone(path: Path) -> None:
    """What zizmor, which scripts/check asks, leaves open."""
    for job in jobs(path).values():
        assert job["timeout-minutes"] <= 60
        assert job["permissions"]
    steps = [step for job in jobs(path).values() for step in job["steps"]]
    assert "secrets" not in path.read_text()
    checkouts = [step for step in steps if "actions/checkout@" in step.get("uses", "")]
    assert [step["with"] for step in checkouts] == [{"persist-credentials": False}] * len(checkouts)
    lines = [line.strip() for line in path.read_text().splitlines() if "uses:" in line]
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_scripts_that_are_there(path: Path) -> None:
    text = str(jobs(path))
    named = [job.get("strategy", {}).get("matrix", {}) for job in jobs(path).values()]
    used = re.findall(r"scripts/[\w-]+", text)
    used += [f"scripts/{script}" for matrix in named for script in matrix.get("script", ())]
    assert used or path.stem == "validate"
    assert [script for script in used if not os.access(ROOT / script, os.X_OK)] == []


def test_what_a_release_gets_is_attested() -> None:
    """The very zip that is built, and nothing before it is published."""
    path = ROOT / ".github" / "workflows" / "release.yaml"
    assert yaml.safe_load(path.read_text())[True] == {"release": {"types": ["published"]}}
    [job] = jobs(path).values()
    build, attest, attach = job["steps"][1:]
    assert 'scripts/release --zip "$TAG"' in build["run"]
    zip_file = "${{ steps.build.outputs.zip }}"
    assert "/attest-build-provenance@" in attest["uses"]
    assert attest["with"] == {"subject-path": zip_file}
    assert attach["run"].endswith('"$TAG" "$ZIP"')
    assert attach["env"]["ZIP"] == zip_file


def test_the_validators_are_asked() -> None:
    path = ROOT / ".github" / "workflows" / "validate.yaml"
    steps = [step for job in jobs(path).values() for step in job["steps"]]
    used = {step["uses"].partition("@")[0]: step.get("with") for step in steps}
    assert "home-assistant/actions/hassfest" in used
    assert used["hacs/action"]["category"] == "integration"


def test_only_a_release_may_write() -> None:
    granted = {
        (path.stem, what)
        for path in WORKFLOWS
        for job in jobs(path).values()
        for what, how in job["permissions"].items()
        if how == "write"
    }
    assert granted == {("release", each) for each in ("attestations", "contents", "id-token")}


def test_each_action_has_one_version() -> None:
    text = "".join(path.read_text() for path in WORKFLOWS)
    used = set(re.findall(r"uses: ([\w./-]+)@(\S+)", text))
    assert len(used) == len(dict(used))


def forms() -> dict[str, dict[str, Any]]:
    """Return the forms of issues, by name."""
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    return {
        path.stem: yaml.safe_load(path.read_text())
        for path in folder.iterdir()
        if path.name != "config.yml"
    }


@pytest.mark.parametrize("form", forms().values(), ids=forms())
def test_forms_can_be_shown(form: dict[str, Any]) -> None:
    """As GitHub wants them: else it shows none."""
    assert form.keys() == {"name", "description", "labels", "body"}
    assert all(form.values())
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) > 0
    assert len({field["attributes"]["label"] for field in fields}) == len(fields)
    for field in form["body"]:
        assert ATTRIBUTES[field["type"]](field["attributes"])
        assert field.keys() <= {"type", "attributes", "id", "validations"}
    for field in fields:
        assert re.fullmatch(r"[A-Za-z][\w-]*", field["id"])
        assert field.get("validations", {}) in ({}, {"required": True})
        options = field["attributes"].get("options", [])
        assert len(set(options)) == len(options)


def test_links_beside_the_forms() -> None:
    config = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml").read_text())
    assert config.keys() == {"blank_issues_enabled", "contact_links"}
    for link in config["contact_links"]:
        assert link.keys() == {"name", "url", "about"}
        assert all(link.values())


def test_a_report_has_what_it_takes() -> None:
    required = {
        field["id"]
        for field in forms()["bug"]["body"]
        if field.get("validations", {}).get("required")
    }
    assert required >= {"diagnostics", "home-assistant", "integration", "live", "printers"}


def links_of(path: Path, text: str) -> set[str]:
    """Return what a file links to of this repository: file, # and heading."""
    ours = re.escape(f"https://github.com/{repository.address(ROOT)}")
    found = set()
    if path.suffix != ".yaml":
        for link in re.findall(r"\]\((?!https?:|/)([^)\s]+)\)", text):
            name, _, anchor = link.partition("#")
            found.add(f"{path.parent / name if name else path}#{anchor}")
    # A button to import a blueprint has the address in its own.
    for name, anchor in re.findall(
        rf"{ours}(?:/blob/main/([\w./-]+))?(?:#([\w-]+))?", unquote(text)
    ):
        found.add(f"{name or 'README.md'}#{anchor}")
    return found


def links() -> set[str]:
    """Return what documents, forms and blueprints link to."""
    return {
        link
        for path in repository.tracked(ROOT)
        if path.suffix in {".md", ".yaml", ".yml"}
        for link in links_of(path, (ROOT / path).read_text())
    }


def test_links_are_found() -> None:
    """With a heading or not, in a button, and in the description of a blueprint."""
    ours = f"https://github.com/{repository.address(ROOT)}"
    text = (
        f"[a](b.md) [c](#d) {ours}/blob/main/docs/e.md and {ours}/blob/main/f.md#g, {ours}#h,"
        f" ?url={quote(ours, safe='')}%2Fblob%2Fmain%2Fi.yaml) {ours}/issues"
    )
    absolute = {"docs/e.md#", "f.md#g", "README.md#h", "i.yaml#", "README.md#"}
    assert links_of(Path("docs/x.yaml"), text) == absolute
    assert links_of(Path("docs/x.md"), text) == {"docs/b.md#", "docs/x.md#d"} | absolute


@pytest.mark.parametrize("link", sorted(links()))
def test_links_lead_to_a_file(link: str) -> None:
    assert (ROOT / link.partition("#")[0]).exists()


@pytest.mark.parametrize("link", sorted(link for link in links() if not link.endswith("#")))
def test_links_lead_to_a_heading(link: str) -> None:
    name, _, anchor = link.partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / name).read_text(), re.MULTILINE)
    assert anchor in {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
    }
