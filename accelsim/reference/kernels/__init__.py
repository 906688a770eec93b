"""Compiled loops of the untimed models, apart from the fabric's so that an edit of one recompiles not the other."""
