"""Ask doctors for consent."""

from http import HTTPStatus

from integrations.mock_insurer import consent_pages, pages, words
from integrations.mock_insurer.asking import accepted, asked, status_of
from integrations.mock_insurer.server import Handler, Refused


def ask(handler: Handler) -> None:
    """Ask whoever has the registration number."""
    form = handler.form()
    number, form_key = form.get("registration_number", "").strip(), form.get("form_key", "")
    if not (number and form_key):
        raise Refused(HTTPStatus.BAD_REQUEST, "Give a registration number.")
    wanted = {
        "registration_number": number.upper(),
        "data_classes": ["profile", *(c for c in consent_pages.DATA_CLASSES if c in form)],
        "message": form.get("message", ""),
    }
    # Pressed twice, or reloaded, it is the same request.
    answer = asked(lambda: handler.insurer.docport().ask(wanted, key=f"ask-{form_key}"))
    if accepted(answer):
        handler.page(HTTPStatus.OK, consent_pages.asked(handler.insurer.name, answer.body))
        return
    refusal = pages.refusal(answer, words.INDIA)
    handler.page(status_of(answer), pages.page(handler.insurer.name, "Not asked", refusal))
