"""What Schemathesis cannot know from the document: files, colours, and rules between several parts of a request."""

import re
import struct
import zlib

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import (
    AllowHeaderMismatch,
    JsonSchemaError,
    RejectedPositiveData,
    UnsupportedMethodResponse,
)
from schemathesis.transport.serialization import Binary

# ---- Values of the formats that are the service's own ----

COLORS = ["red", "#369", "336699", "rgb(51, 102, 153)", "hsl(210, 50%, 40%)"]
schemathesis.openapi.format("opaque-color", st.sampled_from(COLORS))
schemathesis.openapi.format("color", st.sampled_from([*COLORS, "transparent", "#33669980", "rgba(51, 102, 153, 0.5)"]))

# ---- Files, whose content no schema describes ----


def png(width: int, height: int, color_type: int, bits: int, row: bytes) -> bytes:
    """A PNG of equal rows."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


PICTURES = [
    png(48, 32, 2, 8, bytes(value * 5 % 256 for value in range(48 * 3))),
    png(48, 32, 6, 8, bytes(value % 251 for value in range(48 * 4))),
    png(30, 40, 0, 8, bytes([20] * 15 + [220] * 15)),
    png(20, 20, 0, 16, bytes(value * 6 % 256 for value in range(40))),
    png(1, 1, 0, 8, b"\x80"),
]

LOGS = [
    "depth,col1,col2,col3\n" + "".join(f"{100 + row / 10},{row},{row * 2},{row * 3}\n" for row in range(40)),
    "depth,col1,col2\n1,0,255\n1,,7\n0.5,3,4\n",
    "DEPTH;C1;C2\n9000,1;10;20\n9000,2;30;40\n",
]

FILES = {"POST /images": ("files", PICTURES), "POST /upload": ("file", [text.encode() for text in LOGS])}


def is_file(value) -> bool:
    """Whether a generated value fits a file of a form. Values that are wrong on purpose do not."""
    return isinstance(value, (bytes, Binary))


@schemathesis.hook
def flatmap_body(context, body):
    """Sends real files in forms."""
    name, files = FILES.get(context.operation.label, (None, []))
    value = body.get(name) if isinstance(body, dict) else None
    file = st.sampled_from(files)
    if is_file(value):
        return file.map(lambda real: {**body, name: real})
    if isinstance(value, list) and value and all(map(is_file, value)):
        return st.lists(file, min_size=1, max_size=3).map(lambda real: {**body, name: real})
    return st.just(body)


# ---- Fewer parameters in a request: many exclude each other, and with all of them it would be refused ----

FLAT_BODIES = ("/resize", "/crop", "/convert", "/histogram")


def some_of(values: dict, kept: set) -> dict:
    """Those that are kept, and up to three others; which ones depends on the values alone."""
    others = [name for name in values if name not in kept]
    others.sort(key=lambda name: zlib.crc32(repr((name, values)).encode()))
    kept = kept | set(others[: zlib.crc32(repr(values).encode()) % 4])
    return {name: value for name, value in values.items() if name in kept}


@schemathesis.hook
def map_case(context, case):
    meta = case.meta
    if meta is None:
        return case
    kept = {parameter.name for parameter in case.operation.query if parameter.is_required}
    # The parameter that the request is about.
    kept.add(meta.phase.data.parameter)
    if isinstance(case.query, dict) and not meta.is_negative_at(ParameterLocation.QUERY):
        case.query = some_of(case.query, kept)
    if isinstance(case.body, dict) and not meta.is_negative_at(ParameterLocation.BODY):
        if case.path.endswith(FLAT_BODIES):
            case.body = some_of(case.body, kept)
        elif isinstance(case.body.get("output"), dict):
            case.body = {**case.body, "output": some_of(case.body["output"], kept)}
    return case


# ---- What is excluded, with its reason ----

# A request that fits the schemas may be refused for these reasons alone. The patterns are of the messages of faults.
REFUSALS = {
    "a cursor is opaque and comes from the page before": [r"^Expected a cursor from this list "],
    "parameters depend on each other, which the schema of one parameter cannot say": [
        r"^Expected .*\bbecause\b",
        r"^Expected .* (with|for) (format|method|scale)=\w+",
        r"^Expected (false|nothing) (without|unless) ",
        r"^Expected .* together with \w+",
        r"^Expected .* but received nothing( \(|$)",
        r"^Expected .* \((or adaptive instead of value|scale=depth needs order=depth|use fewer bins, percentiles or channels)\)",
        r"^Expected (an integer|a level) below (upper|high) ",
        r"^Expected a number of at most depth_max ",
        r"^Expected an (upper )?edge above the (one before it|lower one) ",
        r"^Expected at least one of top, right, bottom and left above 0 ",
        r"^Expected an operation other than convert, which comes last,",
        r"^Expected a scale with to > from and step > 0 ",
        r"^Expected a box smaller than the picture, or points in background, ",
        r"^Expected at most \d+ values for null_values ",
        r"^Expected it once for ",
    ],
    "what is stored decides what can be asked of it": [
        r"^Expected .* the (\d+×\d+ |whole )?picture\b",
        r"^Expected .*, the (frame|picture)'s ",
        r"^Expected (a mask of the picture|a mask with one channel|an overlay of at most|a size that leaves at most) ",
        r"^Expected page 0, the only one, |^Expected a page from ",
        r"^Expected one of .* for channels(\[\d+\])? ",
        r"^Expected .* \(the number of levels\) ",
        r"^Expected .* with \d+ (bits a channel|colours and \d+ clusters) ",
        r"^Expected .* with \d+×\d+ pixels ",
        r"^Expected a label of the segmentation ",
        r"^Expected the id of (an?|one of your) ",
        r"^Expected a filter that selects 1 to ",
        r"^Expected a frame set of this range, or several to mix them ",
    ],
    "texts have a grammar of their own, and a block has an odd size": [
        r"^Expected (a colour|an opaque colour) ",
        r"^Expected .* for colormap ",
        r"^Expected text like ",
        r"^Expected an integer from -?\d+ to \d+ for \w+ of (box|region|point|foreground|background|markers) ",
        r"^Expected values of at most \d+ bytes ",
        r"^Expected a valid file name ",
        r"^Expected an odd integer ",
    ],
    "what a file is can be seen only in its bytes": [
        r"^Expected .* for (the header|the line before the header) ",
        r"^Expected a CSV file in UTF-8 ",
        r"^The (file is empty|CSV header|CSV has a header but) ",
    ],
    "Schemathesis tries the number of a frame as the id of an image, too": [r"^Expected a UUID for id "],
    "a password must be hard to guess, and its length counts characters as people see them": [
        r"^Expected .* for (new_)?password ",
    ],
    "the first of several fields decides which others are needed": [
        r"^Expected (a refresh token|an e-mail address|a password|scopes from .*) ",
        r"^Expected (one or more scopes, or a preset|nothing together with scopes|the password together with email) ",
        r"^Expected a time (in the future|until) ",
        r"^Expected the id of another user ",
    ],
    "an array of files has no minItems, because generated Go would not compile": [
        r"^Expected at least one file for files ",
    ],
}
PATTERNS = re.compile("|".join(pattern for patterns in REFUSALS.values() for pattern in patterns))

# The same for problems that are about a whole file or a whole result.
REFUSED_CODES = {
    "unsupported_image_format": "what a file is can be seen only in its bytes",
    "undecodable_image": "what a file is can be seen only in its bytes",
    "too_many_pixels": "what is stored decides what can be asked of it",
    "output_too_large": "the size of a result depends on the stored picture and on all parameters together",
}

# Refusals of a credential that no schema can describe.
REFUSED_CREDENTIALS = {
    "log_in_failed": "only users know their passwords",
    "log_in_required": "an API key is not a log-in",
    "registration_closed": "the operator has closed it",
    "too_many_attempts": "wrong log-ins slow down the next ones",
}
# The token is in the body of these.
TOKENS_IN_BODY = ("POST /auth/token", "POST /auth/setup")


def is_refused_credential(code, label) -> bool:
    return code in REFUSED_CREDENTIALS or (code == "invalid_credential" and label in TOKENS_IN_BODY)


def is_named(problem) -> bool:
    """Whether a problem has one of these codes, or each of its faults one of the reasons."""
    faults = problem.get("errors", [])
    return problem["code"] in REFUSED_CODES or (
        len(faults) > 0 and all(PATTERNS.search(fault["message"]) or "row" in fault for fault in faults)
    )


EVENT_STREAMS = ("GET /jobs/{id}/events", "GET /job-events")


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    """Gives whether a failure counts."""
    if isinstance(failure, RejectedPositiveData) and response.status_code in (413, 415, 422):
        return not is_named(response.json())
    if isinstance(failure, RejectedPositiveData) and response.status_code in (401, 403, 429):
        return not is_refused_credential(response.json()["code"], case.operation.label)
    # The path also fits /users/{id}, which can be deleted.
    if isinstance(failure, (AllowHeaderMismatch, UnsupportedMethodResponse)) and case.operation.path == "/users/me":
        return False
    # Generated clients need one type for the content of all artifacts. So it is bytes, although some are JSON documents.
    if isinstance(failure, JsonSchemaError) and case.operation.label == "GET /artifacts/{id}/content":
        return False
    # It takes the schema of the stream's bytes for that of each event.
    if case.operation.label in EVENT_STREAMS and failure.title.startswith("SSE event"):
        return False
    # It is documented with the content of the other answers, so that generated clients keep one type for all of them, but has no body.
    if response.status_code == 202 and len(response.content) == 0:
        return False
    return True
