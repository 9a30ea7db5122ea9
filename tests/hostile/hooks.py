"""What schemathesis has to know about Hookline that its document cannot say."""

import json
import os
import re
import urllib.parse
import zlib

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.generation.modes import GenerationMode

ADDRESSES = ("url", "token_url")
# What the paths can name, by the parameter's name; it is never deleted.
KNOWN = json.loads(os.environ["HOOKLINE_KNOWN"])

# What needs no key: whether it answers, the public keys of a tenant, and what a code is exchanged at, which is all that it
# asks for, and once more of who repeats the request under its idempotency key.
OPEN = {"/healthz", "/v1/tenants/{tenant}/.well-known/jwks.json", "/v1/portal/sessions"}
# Operations that were tried without a key.
CHECKED = set()
ENTITY_TAGS = re.compile(r"\*|(W/)?\"[!#-~]*\"([\t ]*,[\t ]*(W/)?\"[!#-~]*\")*")


@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, (dict, list)):
        case.body = made_harmless(case.body)
    *outer, last = case.path_parameters or [None]
    if case.method == "DELETE" and last in KNOWN and case.path_parameters[last] == KNOWN[last]:
        case.path_parameters[last] += "x"
    if case.meta and case.meta.phase.name != TestPhase.STATEFUL and not is_negative(case, ParameterLocation.PATH):
        # Most requests have to get somewhere; the others find nothing.
        for name in outer if case.method == "DELETE" else [*outer, last]:
            if name in KNOWN and zlib.crc32(str(case.path_parameters[name]).encode()) % 8:
                case.path_parameters[name] = KNOWN[name]
    if case.meta and getattr(case.meta.phase.data, "description", None) == "Positive test case":
        # A body that is optional and left out is taken for a wrong one.
        case.meta.generation.mode = GenerationMode.POSITIVE
    tags = (case.headers or {}).get("If-Match")
    wrong_on_purpose = case.meta and case.meta.generation.mode.is_negative
    if tags is not None and not wrong_on_purpose and not ENTITY_TAGS.fullmatch(str(tags)):
        # Headers are not always held to the pattern that the document gives.
        case.headers["If-Match"] = "*"


@schemathesis.check
def keys_are_asked_for(context, response, case):
    """In the place of `ignored_auth`, which does not know that whoever guesses keys is told to wait, with 429."""
    label = case.operation.label
    if response.status_code >= 300 or label in CHECKED or case.operation.path in OPEN:
        return
    CHECKED.add(label)
    sent = response.request
    headers = {name: value for name, value in sent.headers.items() if name.lower() != "authorization"}
    for key in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic Og=="}):
        again = requests.request(sent.method, sent.url, data=sent.body, headers=headers | key, timeout=30)
        assert again.status_code in (401, 429), f"{label} without a valid key: {again.status_code}"


def is_negative(case, location):
    part = case.meta and case.meta.components.get(location)
    return part is not None and part.mode.is_negative


def made_harmless(value):
    if isinstance(value, dict):
        return {
            name: harmless(part) if name in ADDRESSES and isinstance(part, str) else made_harmless(part)
            for name, part in value.items()
        }
    return [made_harmless(part) for part in value] if isinstance(value, list) else value


def harmless(address):
    """The same address under a top-level domain that never resolves (RFC 6761), so that nothing leaves this machine."""
    try:
        parts = urllib.parse.urlsplit(address)
        if not parts.hostname or parts.hostname.endswith(".invalid"):
            return address
        user, at, host = parts.netloc.rpartition("@")
        name, colon, port = host.partition(":") if not host.startswith("[") else (host.strip("[]"), "", "")
        return urllib.parse.urlunsplit(parts._replace(netloc=f"{user}{at}{name}.invalid{colon}{port}"))
    except ValueError:
        # No address at all, and refused as such.
        return address
