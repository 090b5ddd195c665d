"""The command line of `detect`: every command with its options. It imports no heavy package."""

from __future__ import annotations

import argparse
import difflib
import os

from rich_argparse import RawDescriptionRichHelpFormatter

from detector.commands import (
    cache,
    check,
    classify,
    convert,
    evaluate,
    image,
    pretrain,
    propose,
    train,
)
from detector.version import __version__

COMMANDS = {
    "image": image,
    "evaluate": evaluate,
    "check": check,
    "convert": convert,
    "train": train,
    "propose": propose,
    "pretrain": pretrain,
    "classify": classify,
    "cache": cache,
}

DESCRIPTION = """Find objects in photographs with GoogLeNet region classification (R-CNN).

  detect street.jpg                        a drawn picture and JSON in the folder detections/
  detect street.jpg folder/ 'x/*.png'      several pictures; folders are searched
  detect --json - street.jpg               JSON on standard output, no files

  detect evaluate --data instances.json    mAP on a data set
  detect train --data instances.json       train on your own boxes
  detect check instances.json              the faults of a data set or of results
  detect convert instances.json --to yolo -o out    the data set in another format
  detect propose -o out street.jpg         boxes without classes
  detect classify street.jpg               the class of a whole picture
  detect COMMAND --help                    the options of a command"""


class HelpFormatter(RawDescriptionRichHelpFormatter):
    """Coloured help that prints square brackets as they are instead of reading them as markup."""

    text_markup = help_markup = False


def parse(words: list[str]) -> argparse.Namespace:
    """Parse a command line; without a command it means `image`.

    The result's `run` is the function of the command that was named.
    """
    if not words:
        words = ["--help"]
    if words[0] not in (*COMMANDS, "-h", "--help", "--version"):
        _refuse_misspelt(words[0])
        words = ["image", *words]
    return _parser().parse_args(words)


def _refuse_misspelt(word: str) -> None:
    """Exit if a word that names no picture is almost a command: `detect trian`."""
    near = difflib.get_close_matches(word, [name for name in COMMANDS if name != "image"], n=1)
    if near and word.isalpha() and not os.path.lexists(word):
        _parser().error(f"{word}: neither a command nor a file; did you mean {near[0]!r}?")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="detect",
        description=DESCRIPTION,
        formatter_class=HelpFormatter,
        usage="detect [COMMAND] [OPTIONS] PICTURE [PICTURE ...]",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        options = commands.add_parser(
            name,
            prog=f"detect {name}",
            help=command.HELP,
            description=f"{command.HELP[0].upper()}{command.HELP[1:]}.",
            formatter_class=HelpFormatter,
        )
        command.add_options(options)
        options.set_defaults(run=command.run)
    return parser
