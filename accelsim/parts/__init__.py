"""Hardware blocks, one a file; each file's name is its key in the architecture YAML and holds its settings."""
