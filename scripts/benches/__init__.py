"""What `scripts/bench` measures, each thing beside what it is compared with."""
