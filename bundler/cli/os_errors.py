"""What the system refused, in the words of our own errors."""

from installer.errors import EnvironmentProblemError


def environment_problem(error: OSError) -> EnvironmentProblemError:
    where = f"{error.filename}: " if error.filename else ""
    return EnvironmentProblemError(f"{where}{error.strerror or error}")
