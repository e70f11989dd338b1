"""runtime.tar.gz: the Python that runs the installer on a node, and what that Python runs."""
