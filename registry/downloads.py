"""Lists as files that a spreadsheet opens."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, override

# A spreadsheet takes a cell that begins with one of these for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_response(
    file_name: str, *, header: list[str], rows: Iterable[Iterable[object]]
) -> StreamingHttpResponse:
    """Answer with rows as CSV in UTF-8, row by row, so that a long list needs no memory.

    The rows are made when the request is over, in the language that it had.
    """
    return StreamingHttpResponse(
        _lines(header, _spoken(rows, get_language())),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": content_disposition_header(
                as_attachment=True, filename=file_name
            ),
            "Cache-Control": "private, no-store",
        },
    )


def _spoken(rows: Iterable[Iterable[object]], language: str | None) -> Iterator[Iterable[object]]:
    left = iter(rows)
    while True:
        with override(language):
            try:
                row = next(left)
            except StopIteration:
                return
        yield row


class _Lines:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def _lines(header: list[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    writer: Any = csv.writer(_Lines())
    # The mark tells Excel that this is UTF-8.
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
