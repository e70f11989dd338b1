"""Where the files of a bundle come from: one small module a kind of source."""
