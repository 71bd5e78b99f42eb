"""The parts of tests/deploy/run."""
