"""Many runs over a process pool."""
