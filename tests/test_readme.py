"""README is short, its commands and Python run as printed, and all documents fit the program."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from detector.commands.parser import parse
from detector.recipes import Recipe, recipe_from_dict

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "detector/weights/README.md"]
RUN_AS_PRINTED = [README, ROOT / "docs/evaluation.md", ROOT / "docs/pipeline.md"]
MOST_LINES, FIRST_LINES = 150, 40
NOT_RUN = ("python3 -m venv ", "pip install ")  # the tests run in what these commands make
OPTION = r"(?<![\w/])(proposals|multibox|network|postprocess|training)\.([a-z_]+)(?=[=:`])"


class Block(NamedTuple):
    """A fenced block of a document."""

    document: Path
    line: int  # of its opening fence, from 1
    language: str
    text: str
    output: str  # the text block that follows it, if any

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of a document, each shell block with the output printed below it."""
    content = document.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", content, re.MULTILINE | re.DOTALL):
        line = content.count("\n", 0, match.start()) + 1
        if match[1] == "text" and found and found[-1].language == "bash":
            found[-1] = found[-1]._replace(output=match[2])
        else:
            found.append(Block(document, line, match[1], match[2], ""))
    return found


def blocks_in(language: str, documents: list[Path] = DOCUMENTS) -> list[Block]:
    return [b for document in documents for b in blocks(document) if b.language == language]


def commands(block: Block) -> Iterator[tuple[int, str]]:
    """The commands of a shell block, continued lines joined, with their lines in the document."""
    text = block.text.replace("\\\n", " \\")
    line = block.line
    for written in text.splitlines():
        line += 1
        command = " ".join(written.split("\\")).strip()
        if command and not command.startswith("#"):
            yield line, command
        line += written.count("\\")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a clone's: the files that snippets name, and `detect` of this checkout."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "docs", folder / "docs")
    script = folder / ".bin/detect"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m detector.cli "$@"\n')
    script.chmod(0o755)
    return folder


def run(words: list[str], folder: Path) -> str:
    """Run a command in a workspace; returns both of its outputs."""
    environment = os.environ | {
        "PATH": f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }
    done = subprocess.run(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("block", blocks_in("bash", [README]), ids=str)
def test_a_shell_block_of_readme_runs_and_prints_what_it_shows(
    block: Block, workspace: Path
) -> None:
    lines = [command for _, command in commands(block) if not command.startswith(NOT_RUN)]
    if not lines:
        pytest.skip("installs; the tests run in the result")
    printed = run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], workspace)
    if "--detections" not in block.text:  # networks: last digits differ between processors
        printed = without_numbers(printed)
        block = block._replace(output=without_numbers(block.output))
    assert not set(block.output.splitlines()) - set(printed.splitlines())


@pytest.mark.parametrize("block", blocks_in("python", RUN_AS_PRINTED), ids=str)
def test_a_python_block_runs_as_printed(block: Block, workspace: Path) -> None:
    run([sys.executable, "-c", block.text], workspace)


def without_numbers(text: str) -> str:
    return re.sub(r"\d*\.?\d+", "#", text)


def test_readme_is_short_and_its_first_commands_stand_at_the_top() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    lines = [line for block in blocks_in("bash", [README]) for line, _ in commands(block)]
    assert len(lines) >= 3
    assert lines[2] <= FIRST_LINES


def test_only_installing_is_not_run() -> None:
    """A snippet that nobody runs must be one of the two that make the environment."""
    skipped = [
        command
        for block in blocks_in("bash", [README])
        for _, command in commands(block)
        if command.startswith(NOT_RUN)
    ]
    assert skipped == ["python3 -m venv .venv && . .venv/bin/activate", 'pip install ".[detect]"']


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_a_file_and_its_heading(document: Path) -> None:
    content = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", content):
        if "://" in target:
            continue
        place, _, heading = target.partition("#")
        path = document.parent / place if place else document
        assert path.exists(), target
        if heading:
            assert heading in headings(path), target


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_numbers_have_a_leading_zero(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.)\]])\.\d+", text) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_of_a_recipe_exists(
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = "detector.commands.shared.values.fault_of"  # the document names files of its reader
    monkeypatch.setattr(reader, lambda path: "")
    monkeypatch.setattr("detector.recipes.loading.read_yaml", lambda path: {})
    monkeypatch.setattr("eval.read_thresholds", lambda path: {})
    content = document.read_text(encoding="utf-8")
    shell = [command for block in blocks_in("bash", [document]) for _, command in commands(block)]
    for command in [*shell, *re.findall(r"`(detect \w+ --data[^`]*)`", content)]:
        words = shlex.split(command, comments=True)
        if "detect" in words:
            parse(words[words.index("detect") + 1 :])  # raises UsageError if an option is unknown
    for section, name in re.findall(OPTION, content):
        assert name in Recipe().to_dict()[section], f"{section}.{name}"


@pytest.mark.parametrize("block", blocks_in("yaml"), ids=str)
def test_a_printed_recipe_can_be_read(block: Block) -> None:
    recipe_from_dict(yaml.safe_load(block.text), where=str(block))
