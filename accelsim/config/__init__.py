"""YAML files to typed, checked, frozen settings; every problem with its file, line and key, all gathered."""
