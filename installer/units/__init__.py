"""The unit files, fixed texts that hold no value of any manifest."""
