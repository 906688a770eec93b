"""Subcommands that have a module of their own: arguments in, what they print and write out."""
