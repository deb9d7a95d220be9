"""Asking a doctor for consent: the form, and DocPort's answer."""

from typing import Any

from integrations.mock_insurer import words
from integrations.mock_insurer.markup import Markup, tag
from integrations.mock_insurer.pages import facts_list, page

DATA_CLASSES = ["profile", "credentials", "availability", "appointments"]


def ask_form(form_key: str) -> Markup:
    """Ask for a registration number and what to see."""
    boxes = [
        tag(
            "label",
            tag("input", type="checkbox", name=name, value="yes", checked=True),
            f" {words.label(name)}",
        )
        for name in DATA_CLASSES[1:]
    ]
    return tag(
        "form",
        tag("h2", "Ask a doctor for consent"),
        tag("input", type="hidden", name="form_key", value=form_key),
        tag(
            "div",
            tag("label", "Registration number", for_="registration_number"),
            tag("p", "Council and number, such as KMC-048213.", id="registration_hint"),
            tag(
                "input",
                id="registration_number",
                name="registration_number",
                required=True,
                maxlength=40,
                autocomplete="off",
                aria_describedby="registration_hint",
            ),
            class_="field",
        ),
        tag("fieldset", tag("legend", "Beside the profile we ask for"), boxes, class_="field"),
        tag(
            "div",
            tag("label", "Message to the doctor", for_="message"),
            tag("input", id="message", name="message", maxlength=500),
            class_="field",
        ),
        tag("p", tag("button", "Ask this doctor", class_="main")),
        method="post",
        action="/ask",
        class_="card",
    )


def asked(name: str, request: dict[str, Any]) -> str:
    """Show what DocPort answered, which is the same whether or not it knows the doctor."""
    facts = [
        ("Registration number", request["registration_number"]),
        ("Asked for", ", ".join(map(words.label, request["data_classes"]))),
        ("Asked", words.when(request["asked_at"], words.INDIA)),
        ("Can be answered until", words.when(request["answer_by"], words.INDIA)),
        ("We can ask again from", words.when(request["ask_again_from"], words.INDIA)),
    ]
    told = "If the doctor says yes, we hear it as an event. Of a no, or of nobody, we hear nothing."
    return page(name, "Asked", tag("section", facts_list(facts), tag("p", told), class_="card"))
