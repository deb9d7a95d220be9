"""A list that a doctor reads on a page and as a file."""

import csv
import html
import io
from typing import Any

from django.test import Client


def shown(client: Client, path: str, status: int = 200, **query: str) -> str:
    """Give a page as text in one line."""
    answer = client.get(path, query)
    assert answer.status_code == status
    return " ".join(html.unescape(answer.content.decode()).split())


def rows_of(client: Client, path: str, file_name: str, **query: str) -> list[dict[str, str]]:
    """Give the rows of a CSV file that is offered under a name."""
    answer: Any = client.get(path, query)
    assert answer["Content-Disposition"] == f'attachment; filename="{file_name}"'
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))
