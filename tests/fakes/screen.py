"""What a terminal shows of what was written to it: as much of one as bars need."""

import re

_PIECE = re.compile(r"\x1b\[A|\r|\n|[^\x1b\r\n]")


def shown(written: str, columns: int) -> list[str]:
    """Its lines, without the blanks behind them. A sign in the last column does not move on before the next one."""
    rows: list[list[str]] = [[]]
    row = column = 0
    for piece in _PIECE.findall(written):
        match piece:
            case "\r":
                column = 0
            case "\n":
                row, column = row + 1, 0
            case "\x1b[A":
                row = max(0, row - 1)
            case _:
                if column == columns:
                    row, column = row + 1, 0
                _extend(rows, row, column)
                rows[row][column : column + 1] = piece
                column += 1
        _extend(rows, row, column)
    return ["".join(line).rstrip() for line in rows]


def _extend(rows: list[list[str]], row: int, column: int) -> None:
    rows.extend([] for _ in range(row + 1 - len(rows)))
    rows[row].extend(" " * (column - len(rows[row])))
