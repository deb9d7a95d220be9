import json
from textwrap import indent
from typing import Any

from integrations.api.samples.calls import Call, Variable

_STEP = "  "


def written(call: Call) -> str:
    """Write the call for Node.js."""
    shown = "await response.json()" if call.has_answer else "response.status"
    names = f"const {{ {', '.join(call.variables)} }} = process.env;\n\n" if call.variables else ""
    url = call.url_with(r"${\1}")
    return (
        f"{names}const response = await fetch(`{url}`{_options(call)});\n"
        "if (!response.ok) throw new Error(await response.text());\n"
        f"console.log({shown});"
    )


def _options(call: Call) -> str:
    options = {} if call.method == "GET" else {"method": json.dumps(call.method)}
    headers = {json.dumps(name): _value(value) for name, value in call.headers.items()}
    if call.takes_key:
        headers["Authorization"] = "`Bearer ${DOCPORT_KEY}`"
    if call.happens_once:
        headers['"Idempotency-Key"'] = "crypto.randomUUID()"
    if call.body and not call.is_form:
        headers['"Content-Type"'] = '"application/json"'
    if headers:
        options["headers"] = _object(headers)
    if call.body:
        body = {name: _value(value) for name, value in call.body.items()}
        written = "new URLSearchParams" if call.is_form else "JSON.stringify"
        options["body"] = f"{written}({_object(body)})"
    return f", {_object(options)}" if options else ""


def _object(entries: dict[str, str]) -> str:
    lines = indent("".join(f"{name}: {value},\n" for name, value in entries.items()), _STEP)
    return "{\n" + lines + "}"


def _value(value: Any) -> str:
    return value.name if isinstance(value, Variable) else json.dumps(value, ensure_ascii=False)
