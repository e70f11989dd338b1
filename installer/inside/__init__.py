"""Fixed programs that run inside the container, by its own Python; they are read as text, never imported."""
