"""Secrets in error messages, in other fields that are kept, and in requests: in no output and not in the store."""

import base64
import random
import string

import trails

BASE64 = string.ascii_letters + string.digits + "+/"
URL_SAFE = string.ascii_letters + string.digits + "-_"
WORDS = string.ascii_lowercase + string.digits

# Private keys of made-up bytes, in messages of every form.
KEYS = 270
KINDS = ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY"]


def attack(group):
    place = group.place("secrets")
    dice = group.dice
    cases = list(secrets(dice))
    for name, message, secret in group.some(cases):
        records = [trails.record(number, errorCode=code, errorMessage=message) for number, code in enumerate(("AccessDenied", "ValidationException", "Strange"))]
        group.case(name, leaks(group.program, place, records, [secret]), trails.lines(records))
    for number in range(0, group.count(KEYS, 9), 9):
        made = [private_key(dice, each) for each in range(number, number + 9)]
        records = [trails.record(each, errorCode="ValidationException", errorMessage=message) for each, (message, _) in enumerate(made)]
        problem = leaks(group.program, place, records, [line for _, lines in made for line in lines])
        for each in range(9):
            group.case(f"private keys {number + each}", problem, trails.lines(records))
    for name, fields, secret in group.some(elsewhere(dice), 6):
        records = [trails.record(1, **fields), trails.success(2, **{"eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", **fields})]
        group.case(f"in {name}", leaks(group.program, place, records, [secret]), trails.lines(records))


def leaks(program, place, records, hidden):
    """Returns which secret is printed or stored, or None."""
    path, store, page = place / "in.jsonl", place / "s.db", place / "page.html"
    for old in place.glob("s.db*"):
        old.unlink()
    path.write_bytes(trails.lines(records))
    texts = {}
    for name, arguments in {
        "scan": ["scan", "--format", "json", "--db", store, "--html", page, path],
        "explain": ["explain", "--format", "jsonl", path],
        "notify": ["notify", "--dry-run", "--all", "--limit", "0", "--format", "json", path],
    }.items():
        ran = program.run(*arguments)
        if problem := ran.problem((0, 1), resident=None):
            return problem
        texts[name] = ran.out + ran.err
    texts["page"], texts["store"] = page.read_bytes(), store.read_bytes()
    for secret in hidden:
        for name, text in texts.items():
            if secret.encode() in text:
                return f"{secret[:8]}… is in {name}"
    return None


def some(dice, letters, length):
    return "".join(dice.choice(letters) for _ in range(length))


def secrets(dice):
    """Yields a name, a message, and the part of it that must not be seen."""
    for name, text in [
        ("an access key id", "AKIA" + some(dice, string.ascii_uppercase + "234567", 16)),
        ("a temporary key id", "ASIA" + some(dice, string.ascii_uppercase + "234567", 16)),
    ]:
        yield name, f"The key {text} is not active", text
        yield f"{name} in quotes", f"Invalid key '{text}'.", text
    secret = some(dice, BASE64, 38) + "+/"
    yield "a secret key", f"The secret {secret} is wrong", secret
    yield "a secret key behind its name", f"aws_secret_access_key={secret}", secret
    yield "a secret key in JSON", f'{{"SecretAccessKey": "{secret}"}}', secret
    token = some(dice, BASE64, 300)
    yield "a session token", f"The security token {token} has expired", token[20:60]
    yield "a session token in JSON", f'"sessionToken":"{token}"', token[20:60]
    for label in ("password", "Password", "passwd", "pwd", "secret", "client_secret", "token", "api_key", "apikey", "access_token", "refresh_token", "PASSWORD"):
        value = some(dice, WORDS, 14)
        yield f"{label}=", f"Cannot connect with {label}={value} to the database", value
        yield f"{label}: ", f'Invalid input {{"{label}": "{value}"}}', value
    bearer = some(dice, URL_SAFE, 40)
    yield "Authorization: Bearer", f"Header Authorization: Bearer {bearer} is not valid", bearer
    yield "Authorization: Basic", f"Header Authorization: Basic {base64.b64encode(bearer.encode()).decode()}", base64.b64encode(bearer.encode()).decode()[:30]
    signature = some(dice, "0123456789abcdef", 64)
    yield "SigV4 in a header", f"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261103/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature={signature}", signature
    for name, query in {
        "SigV4": f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60&X-Amz-Signature={signature}",
        "SigV2": f"AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1793700000&Signature={signature[:28]}%3D",
        "CloudFront": f"Expires=1793700000&Signature={signature}&Key-Pair-Id=APKAEXAMPLE",
        "Google": f"X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature={signature}",
        "Azure": f"sv=2024-01-01&se=2026-12-01&sig={signature}",
    }.items():
        yield f"a signed URL, {name}", f"Cannot read https://host.example/a/b?{query}", signature[:28]
    security = some(dice, BASE64.replace("+", "").replace("/", ""), 120)
    yield "a token in a signed URL", f"https://b.s3.amazonaws.com/k?X-Amz-Security-Token={security}", security[:40]
    jwt = ".".join(["eyJ" + some(dice, URL_SAFE, 20), "eyJ" + some(dice, URL_SAFE, 60), some(dice, URL_SAFE, 43)])
    yield "a JWT", f"Token {jwt} has expired", jwt.split(".")[1]
    yield "a JWT without a signature", f"Token {jwt.rsplit('.', 1)[0]}. is not signed", jwt.split(".")[1]
    encoded = some(dice, URL_SAFE, 400)
    yield "an encoded authorization message", f"You are not authorized. Encoded authorization failure message: {encoded}", encoded[40:90]
    yield "a card number", "The card 4111 1111 1111 1111 is refused", "1111 1111 1111"
    yield "a card number with hyphens", "The card 5500-0000-0000-0004 is refused", "5500-0000-0000-0004"
    yield "an e-mail address", "The user mia.meier@shop.example does not exist", "mia.meier@shop.example"
    yield "an address with a password", "Cannot reach https://mia:hunter2horse@db.example/x", "hunter2horse"
    yield "a database address", "postgres://admin:correcthorse9@10.0.0.1:5432/db is down", "correcthorse9"
    cookie = some(dice, WORDS, 24)
    yield "a cookie", f"Cookie: session={cookie}; theme=dark", cookie
    yield "a cookie that is set", f"Set-Cookie: sid={cookie}; Secure", cookie
    yield "a key in an environment", f"Error in AWS_SECRET_ACCESS_KEY='{secret}' AWS_SESSION_TOKEN='{token[:80]}'", secret
    yield "a secret in a template", f"Parameter DbPassword failed to satisfy constraint, password='{cookie}'", cookie
    yield "a secret at the end of a long message", "x " * 450 + f"password={cookie}", cookie
    yield "a secret in two lines", f"password=\n{cookie}", cookie


def private_key(dice, number):
    """Returns a message with a private key of made-up bytes, and its lines."""
    kind = KINDS[number % len(KINDS)]
    raw = base64.b64encode(random.Random(number).randbytes(dice.choice([120, 300, 600]))).decode()
    lines = [raw[at : at + 64] for at in range(0, len(raw), 64)]
    breaks = ["\n", "\r\n", "\\n", " ", ""][number // len(KINDS) % 5]
    key = breaks.join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"])
    form = [
        "Cannot parse {}", "The body is '{}' and that is wrong", "{}", 'Invalid {{"PrivateKey": "{}"}} given', "key={}", "Certificate body {} does not match",
    ][number // 5 % 6]  # fmt: skip
    if number % 9 == 8:
        # AWS cuts long messages.
        key = key[: len(key) * 2 // 3]
        lines = lines[: len(lines) // 2]
    return form.format(key), [line for line in lines if len(line) == 64]


def elsewhere(dice):
    """Yields a name, fields of a record, and the secret in them."""
    secret = some(dice, BASE64, 38) + "+/"
    token = some(dice, BASE64, 200)
    yield "the response", {"responseElements": {"accessKey": {"secretAccessKey": secret, "status": "Active"}}}, secret
    yield "the request", {"requestParameters": {"password": secret, "bucketName": "orders"}}, secret
    yield "a nested request", {"requestParameters": {"environment": {"variables": {"SECRET": secret}}}}, secret
    yield "additional data", {"additionalEventData": {"token": token}}, token[:60]
    yield "the session", {"userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/a/b", "sessionContext": {"attributes": {}, "webIdFederationData": {"token": token}}}}, token[:60]
    yield "an unknown field", {"note": {"SecretAccessKey": secret}}, secret
    yield "TLS details", {"tlsDetails": {"clientProvidedHostHeader": "x", "secret": secret}}, secret
    yield "the user agent", {"userAgent": f"curl/8 password={secret}"}, secret
