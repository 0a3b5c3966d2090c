import re
from dataclasses import dataclass, fields
from datetime import date
from html import escape

from genapps import app, html, redirect, state

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.I)


@dataclass
class Registration:
    name: str = ""
    email: str = ""
    born: str = ""
    terms: str = ""

    @classmethod
    def of(cls, form):
        return cls(**{f.name: form.get(f.name, "").strip() for f in fields(cls)})

    def errors(self):
        found = {}
        if not self.name:
            found["name"] = "Please tell us your name"
        if not EMAIL.fullmatch(self.email):
            found["email"] = "This is not an e-mail address"
        try:
            if date.fromisoformat(self.born) > date(2008, 1, 1):
                found["born"] = "You are too young"
        except ValueError:
            found["born"] = "Please write YYYY-MM-DD"
        if self.terms != "on":
            found["terms"] = "Please accept the terms"
        return found


def page(values, errors):
    inputs = []
    for name in ("name", "email", "born"):
        error = f'<em>{escape(errors[name])}</em>' if name in errors else ""
        inputs.append(f'<label>{name}<input name="{name}" value="{escape(getattr(values, name))}">{error}</label>')
    return "<form method='post'>" + "\n".join(inputs) + "<input type='checkbox' name='terms'><button>Go</button></form>"


@app.get("/")
def empty(request):
    return html(page(Registration(), {}))


@app.post("/")
async def register(request):
    registration = Registration.of(await request.form())
    errors = registration.errors()
    if not errors and await state.get(f"person/{registration.email.lower()}"):
        errors["email"] = "This address is registered"
    if errors:
        return html(page(registration, errors), status=422)
    await state.put(f"person/{registration.email.lower()}", registration)
    return redirect("/thanks")


@app.get("/thanks")
async def thanks(request):
    return {"registered": [p["name"] for _, p in await state.list("person/")]}
