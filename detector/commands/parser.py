"""The command line of `detect`: every command with its options. It imports no heavy package."""

from __future__ import annotations

import argparse
import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich_argparse import RawDescriptionRichHelpFormatter

from detector.commands import (
    batch,
    cache,
    check,
    classify,
    convert,
    evaluate,
    export,
    image,
    pretrain,
    propose,
    quantize,
    train,
)
from detector.commands.shared.values import NUMBER
from detector.console import show
from detector.errors import UsageError, suggest
from detector.files.names import nearest_name, printable
from detector.version import __version__

COMMANDS = {
    "image": image,
    "evaluate": evaluate,
    "check": check,
    "convert": convert,
    "train": train,
    "propose": propose,
    "batch": batch,
    "export": export,
    "quantize": quantize,
    "pretrain": pretrain,
    "classify": classify,
    "cache": cache,
}
# Options of `detect image` that `detect --help` shows
MAIN_OPTIONS = (
    *("--output", "--json", "--save-as", "--threshold", "--classes"),
    *("--recipe", "--weights", "--device"),
)

# What other programs call an option, and those that may be meant
SYNONYMS = {
    "conf": ("threshold",),
    "confidence": ("threshold",),
    "score": ("threshold",),
    "format": ("save-as", "to"),
    "annotations": ("data",),
    "predictions": ("detections",),
}

DESCRIPTION = """Find objects in photographs with GoogLeNet region classification (R-CNN).

  detect street.jpg                        a drawn picture and JSON in the folder detections/
  detect street.jpg folder/ 'x/*.png'      several pictures; folders are searched
  detect --json - street.jpg               JSON on standard output, no files

  detect evaluate --data instances.json    mAP on a data set
  detect train --data instances.json       train on your own boxes
  detect check instances.json              the faults of a data set or of results
  detect convert instances.json --to yolo -o out    the data set in another format
  detect batch folder/ -o out              many pictures, on all processors, into Parquet
  detect export voc20 -o out               the networks for onnxruntime
  detect propose -o out street.jpg         boxes without classes
  detect classify street.jpg               the class of a whole picture
  detect COMMAND --help                    the options of a command"""


class HelpFormatter(RawDescriptionRichHelpFormatter):
    """Coloured help that prints square brackets as they are instead of reading them as markup."""

    text_markup = help_markup = False
    group_name_formatter = str.capitalize


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line with a suggestion, raised as UsageError.

    Options cannot be abbreviated: `--max` would change its meaning with the next option.
    """

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog=prog, formatter_class=HelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        about_one = re.fullmatch(r"argument (?:-\w/)?(\S+): (.*)", message, re.DOTALL)
        if about_one is None:
            raise UsageError(f"{message}; see `{self.prog} --help`")
        name, reason = about_one.groups()
        if reason.startswith("ignored explicit argument"):
            reason = "takes no value"
        is_named = reason.startswith(name) or not name.startswith("-")
        raise UsageError(reason if is_named else f"{name}: {reason}")

    def refuse_unknown_options(self, words: Sequence[str]) -> None:
        """Raise UsageError for the first option that the parser does not have."""
        known = self._option_string_actions
        for word in words:
            if word == "--":
                return
            option = word.partition("=")[0]
            is_value = not word.startswith("-") or word == "-" or NUMBER.fullmatch(word)
            if is_value or option in known:
                continue
            # -oDIR is `-o DIR`, but -output is not meant to be `-o utput`.
            if word[:2] in known and not word.startswith("--") and f"-{option}" not in known:
                continue
            raise UsageError(
                f"{printable(word)}: no option of `{self.prog}`; {self._remedy(option)}"
            )

    def _remedy(self, option: str) -> str:
        if os.path.lexists(option):
            return f"the file of that name is ./{printable(option)}"
        # Without the dashes, which would make all short names similar: --conf and --json
        names = [name[2:] for name in self._option_string_actions if name.startswith("--")]
        wanted = option.lstrip("-").lower()
        near = [name for name in SYNONYMS.get(wanted, ()) if name in names]
        near += [name for name in names if name.startswith(wanted)]
        near += difflib.get_close_matches(wanted, names, n=1)
        if near and wanted:
            return f"did you mean '--{near[0]}'?"
        if self.prog == "detect image" and (others := _commands_with(f"--{wanted}")):
            return f"it is one of `detect {others[0]}`: name the command first"
        return f"`{self.prog} --help` lists its options"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            words = [str(choice) for choice in action.choices]
            message = f"no choice {printable(str(value))!r}{suggest(str(value), words)}"
            raise argparse.ArgumentError(action, message)

    def _print_message(self, message: str, file: Any = None) -> None:
        show(message.rstrip("\n"))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; without a command it means `image`.

    The result's `run` is the function of the command that was named.

    Raises
    ------
    UsageError
        An unknown command or option, a wrong value, a file that an option names and is not there.
    """
    if not words or words[0] in ("-h", "--help", "--version"):
        return _overview().parse_args(words or ["--help"])
    if not all(word.strip() for word in words):
        raise UsageError("an argument is empty; name a picture, or leave the quotes out")
    name = "image"
    if words[0] in COMMANDS:
        name, *words = words
    else:
        _refuse_misspelt(words[0])
    parser = _parser(name)
    parser.refuse_unknown_options(words)
    if "--" in words:
        return parser.parse_args(words)
    return parser.parse_intermixed_args(words)  # detect a.jpg -o out b.jpg


def _refuse_misspelt(word: str) -> None:
    """Raise UsageError for a word that looks like a command and is no file: `detect trian`."""
    if not re.fullmatch(r"\w[\w-]*", word) or os.path.lexists(word):
        return
    near = difflib.get_close_matches(word.lower(), [name for name in COMMANDS if name != "image"])
    remedy = f"did you mean {near[0]!r}?" if near else nearest_name(Path(word))
    raise UsageError(f"{printable(word)}: neither a command nor a file; {remedy}")


def _commands_with(option: str) -> list[str]:
    return [name for name in COMMANDS if option in _parser(name)._option_string_actions]


def _parser(name: str) -> Parser:
    """The parser of one command."""
    command = COMMANDS[name]
    parser = Parser(f"detect {name}", description=f"{command.HELP[0].upper()}{command.HELP[1:]}.")
    command.add_options(parser)
    parser.set_defaults(command=name, run=command.run)
    parser.usage = _usage(parser)
    return parser


def _usage(parser: Parser) -> str:
    """One line: the command, its arguments and the options that it requires."""
    words = [parser.prog, "[OPTIONS]"]
    for action in parser._actions:
        value = str(action.metavar or "|".join(map(str, action.choices or ())))
        if action.required and action.option_strings:
            words.append(f"{action.option_strings[-1]} {value}")
        elif not action.option_strings:
            words.append({"+": f"{value} ...", "*": f"[{value} ...]"}.get(str(action.nargs), value))
    return " ".join(words)


def _overview() -> Parser:
    """The parser of `detect --help`, which lists the commands and the main options of `image`."""
    parser = Parser(
        "detect",
        description=DESCRIPTION,
        usage="detect [COMMAND] [OPTIONS] PICTURE [PICTURE ...]",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    main = parser.add_argument_group("main options of detecting (all: `detect image --help`)")
    options = _parser("image")._option_string_actions
    for name in MAIN_OPTIONS:
        main._add_action(options[name])
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.HELP)
    return parser
