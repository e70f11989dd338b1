"""Where the files of a bundle come from: a folder for each part that has several sources, a module for the others."""
