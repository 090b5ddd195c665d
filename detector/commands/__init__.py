"""The commands of `detect`, one file each: `HELP`, `add_options(parser)`, `run(arguments)`.

Only `run` reads the parsed arguments; everything below it takes plain values. Heavy modules are
imported inside functions, so that `detect --help` is instant.
"""
