from django.http import HttpResponse
from django.test import RequestFactory

from docport.compression import PageCompressionMiddleware

LONG = "Monday 9am to 1pm. " * 100


def _answer(content_type: str) -> HttpResponse:
    page = HttpResponse(LONG, content_type=content_type, headers={"ETag": '"7"'})
    request = RequestFactory().get("/", headers={"accept-encoding": "gzip"})
    answer = PageCompressionMiddleware(lambda _: page)(request)
    assert isinstance(answer, HttpResponse)
    return answer


def test_pages_are_compressed() -> None:
    answer = _answer("text/html; charset=utf-8")

    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) < len(LONG) / 2


def test_api_answers_keep_their_strong_etag() -> None:
    answer = _answer("application/json")

    assert answer["ETag"] == '"7"'
    assert "Content-Encoding" not in answer
