"""Requests to `serve` from other pages, users and programs, and requests that are broken, huge, slow or many: who has no token
sees and decides nothing, and the server answers its page all the time."""

import concurrent.futures
import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import time

import injected_text
import trails

JSON = "Content-Type: application/json"
REQUESTS, SLOW, DECISIONS = 10_000, 900, 40


class Served:
    """A running server of a store."""

    def __init__(self, program, store, limits=None):
        self.child = program.start(["serve", "--db", store, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, limits=limits)
        address = self.child.stdout.readline().decode()
        self.port, self.token = re.match(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", address).groups()
        self.port = int(self.port)
        self.host = f"Host: 127.0.0.1:{self.port}"
        self.proof = f"Authorization: token {self.token}"

    def connect(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def send(self, request, timeout=20):
        """Sends bytes; returns all that is answered."""
        answer = b""
        with self.connect(timeout) as stream:
            try:
                stream.sendall(request)
                while part := stream.recv(65536):
                    answer += part
            except OSError:
                # A refused body may be cut off.
                pass
        return answer

    def ask(self, line, headers, body=b"", timeout=20):
        head = [f"{line} HTTP/1.1", "Connection: close", *headers]
        if body or line.startswith("POST"):
            head.append(f"Content-Length: {len(body)}")
        return self.send("\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body, timeout)

    def code(self, *arguments, **more):
        return code(self.ask(*arguments, **more))

    def widget(self, event, *headers):
        """Returns status and body of the answer to an event of the page."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        answer = self.ask("POST /widget", [self.host, self.proof, JSON, *headers], body)
        return code(answer), answer.partition(b"\r\n\r\n")[2]

    def memory(self):
        """The resident set in MiB, and the number of open files."""
        process = pathlib.Path(f"/proc/{self.child.pid}")
        if not process.exists():
            return 0, 0
        resident = int((process / "statm").read_text().split()[1]) * resource.getpagesize() >> 20
        return resident, len(os.listdir(process / "fd"))

    def stop(self):
        """Ends the server; returns what it wrote to stderr."""
        self.child.terminate()
        _, said = self.child.communicate(timeout=20)
        return said


def code(answer):
    found = re.match(rb"HTTP/1\.[01] (\d+)", answer)
    return int(found[1]) if found else 0


def attack(group):
    place = group.place("serve")
    path, store = place / "in.jsonl", place / "s.db"
    hostile = [each for payload in injected_text.PAYLOADS[18:26] for each in injected_text.hostile(payload)]
    for number, each in enumerate(hostile):
        each["eventID"] = trails.uuid(number, 7)
    path.write_bytes(trails.lines([trails.record(1), *hostile]))
    listed = json.loads(group.program.run("scan", "--db", store, "--format", "json", path).out)
    clusters = [each["cluster_id"] for each in listed["clusters"]]
    served = Served(group.program, store)
    try:
        doors(group, served, clusters[0], store)
        smuggled(group, served, clusters[0], store)
        bodies(group, served)
        pages(group, served, clusters, [each["call_id"] for each in listed["sensitive_calls"]])
        race(group, served, clusters[1], store)
        many(group, served)
        slow(group, served)
    finally:
        said = served.stop()
    group.case("what the server writes", "panic" if b"panicked" in said else "the token" if served.token.encode() in said else None)
    exhausted(group, store)


def decision(cluster):
    return json.dumps({"cluster": cluster, "decide": "resolve", "version": 0, "reason": "x"}).encode()


def is_decided(group, store, cluster):
    return "resolved" in group.program.run("clusters", "history", cluster, "--db", store).text


def doors(group, served, cluster, store):
    """Who may ask: by the host, the sending page, the token, the method, the path, and the content."""
    port, token = served.port, served.token
    local, proof = served.host, served.proof
    hosts = ["", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1:{port}.evil.example", f"[::1]:{port}", f"0.0.0.0:{port}", f"127.1:{port}", f"2130706433:{port}", f"127.0.0.1:{port}, evil", f"localhost.:{port}", f"user@127.0.0.1:{port}"]
    cases = [(f"the host {host!r}", "POST /widget", [f"Host: {host}", proof, JSON], {400, 421}) for host in hosts]
    cases.append(("no host", "POST /widget", [proof, JSON], {400, 421}))
    cases.append(("two hosts", "POST /widget", [local, "Host: evil.example", proof, JSON], {400, 421}))
    origins = ["null", "", "http://evil.example", f"https://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", f"http://localhost:{port}", f"http://127.0.0.1:{port}.evil.example", f"http://127.0.0.1:{port}@evil.example", "file://", "chrome-extension://x"]
    cases += [(f"the origin {origin!r}", "POST /widget", [local, f"Origin: {origin}", proof, JSON], {403}) for origin in origins]
    cases.append(("two origins", "POST /widget", [local, f"Origin: http://127.0.0.1:{port}", "Origin: http://evil.example", proof, JSON], {403}))
    cases += [(f"a request that is {site}", "POST /widget", [local, f"Sec-Fetch-Site: {site}", proof, JSON], {403}) for site in ("cross-site", "CROSS-SITE")]
    proofs = ["X-None: x", "Authorization: token", f"Authorization: token {token[:-1]}", f"Authorization: token {token}x", f"Authorization: Basic {token}", f"Authorization: Bearer {token}", f"Cookie: token={token}", f"Cookie: cloudtrail-inspector-1={token}", f"Cookie: cloudtrail-inspector-{port}=", f"Cookie: x=cloudtrail-inspector-{port}={token}", f"X-Token: {token}", f"Authorization: token {token.swapcase()}x"]
    cases += [(f"the proof {each.replace(token, 'TOKEN')[:60]!r}", line, [local, each, JSON], {401}) for each in proofs for line in ("POST /widget", "GET /about")]
    cases += [(f"{line} without a token", line, [local, JSON], {401}) for line in ("GET /", "GET /dashboard.js", f"GET /about?token={token}", f"POST /widget?token={token}", "GET /?token=", f"GET /?token={token[:-1]}", "GET /favicon.ico", "OPTIONS /widget")]
    cases += [(f"the content {kind!r}", "POST /widget", [local, proof, *([f"Content-Type: {kind}"] if kind else [])], {415}) for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx")]
    cases += [(f"the method {method}", f"{method} /widget", [local, proof, JSON], {400, 405, 501}) for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "HEAD", "PROPFIND")]
    paths = ["/../etc/passwd", "/%2e%2e/etc/passwd", "//etc/passwd", "/dashboard.js/..", "/.git/config", "/s.db", "/%00", "/widget/", "/WIDGET", "/?x", "/" + "a" * 8000]
    cases += [(f"the path {each[:30]!r}", f"GET {each}", [local, proof], {200, 400, 404, 405, 414, 431} if each == "/?x" else {400, 404, 405, 414, 431}) for each in paths]
    for name, line, headers, expected in group.some(cases, 30):
        answered = served.code(line, headers, decision(cluster) if line.startswith("POST") else b"")
        group.case(name, None if answered in expected else f"answers {answered}, not {sorted(expected)}")
    group.case("nothing is decided by any of these", "a decision was made" if is_decided(group, store, cluster) else None)
    visit = served.ask(f"GET /?token={token}", [local])
    cookie = re.search(rb"set-cookie: (.*)\r\n", visit, re.I)
    group.case("the first visit", None if code(visit) == 303 and cookie and b"SameSite=Strict" in cookie[1] and b"HttpOnly" in cookie[1] else visit[:200].decode())


def smuggled(group, served, cluster, store):
    """Requests whose length is said in two ways, and requests inside of others."""
    head = f"POST /widget HTTP/1.1\r\n{served.host}\r\n{JSON}\r\n"
    inner = (head + f"Content-Length: {len(decision(cluster))}\r\n\r\n").encode() + decision(cluster)
    cases = [
        ("two lengths", "Content-Length: 2\r\nContent-Length: 200\r\n", b"{}"),
        ("a length and chunks", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        ("chunks twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n"),
        ("a hidden encoding", "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n", b"{}"),
        ("a space before the colon", "Content-Length : 2\r\n", b"{}"),
        ("a folded header", "X-A: b\r\n Content-Length: 2\r\n", b"{}"),
        ("a negative length", "Content-Length: -1\r\n", b"{}"),
        ("a length with a sign", "Content-Length: +2\r\n", b"{}"),
        ("a length beyond all", "Content-Length: 99999999999999999999\r\n", b"{}"),
        ("a chunk beyond all", "Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ("a bare line feed", "X: y\nContent-Length: 2\r\n", b"{}"),
        ("a NUL in a header", "X: \0\r\n", b""),
    ]

    def tried(case):
        name, lengths, body, proof = case
        # The request behind it has no token of its own. The server closes a connection on which nothing comes.
        answer = served.send((head + proof + lengths + "\r\n").encode() + body + inner, timeout=15)
        problem = None if served_still(served) else "the server does not answer any more"
        group.case(f"{name}{', with the token' if proof else ''}", problem or ("a decision was made" if is_decided(group, store, cluster) else None), answer)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(tried, group.some([(*case, proof) for case in cases for proof in ("", f"{served.proof}\r\n")], 4)))


def served_still(served):
    return served.code("GET /about", [served.host, served.proof]) == 200


def bodies(group, served):
    """JSON of every shape as an event of the page."""
    cases = {
        "nothing": b"", "no JSON": b"{", "NUL": b"\0", "an array": b"[]", "a number": b"1e999", "100,000 levels": b"[" * 100_000, "objects": b'{"a":' * 20_000, "no UTF-8": b'"\xff"',
        "a lone surrogate": rb'{"search":"\ud800"}', "a long search": json.dumps({"search": "a*" * 50_000}).encode(), "stars": json.dumps({"search": "*" * 1000 + "b"}).encode(),
        "a page beyond all": b'{"page":18446744073709551616}', "a negative page": b'{"page":-1}', "an unknown sort": b'{"sort":"\\u001b[31m"}', "HTML": json.dumps({"search": "<script>alert(1)</script>"}).encode(),
        "a cluster that is none": b'{"cluster":"../../x"}', "a cluster of 100 KiB": json.dumps({"cluster": "a" * 100_000}).encode(), "an unknown decision": b'{"cluster":"x","decide":"drop"}',
        "a time far away": b'{"from":-9223372036854775808,"to":9223372036854775807}', "keys twice": b'{"search":"a","search":"b"}', "prototype": b'{"__proto__":{"x":1}}',
        "one byte too long": b"{}" + b" " * (256 << 10), "10 MiB": b" " * (10 << 20), "the longest": b"{}" + b" " * ((256 << 10) - 2), "widgetContext": b'{"widgetContext":[1]}',
        "a search of code": json.dumps({"search": "'; DROP TABLE event; --"}).encode(), "a reason of 100 KiB": json.dumps({"cluster": "x", "decide": "mute", "reason": "r" * 100_000}).encode(),
    }  # fmt: skip
    for name, body in group.some(cases.items(), 8):
        answered, text = served.widget(body)
        # An answer may be lost while a long body is still sent.
        expected = {"one byte too long": {413}, "10 MiB": {0, 413}}.get(name, {200, 400})
        problem = None if answered in expected else f"answers {answered}"
        group.case(f"the body {name}", problem or html_of(text) or (None if served_still(served) else "the server does not answer any more"), body[:4096])


def html_of(body):
    """Returns what the HTML of an answer could do in a page, or None."""
    try:
        page = json.loads(body)
    except ValueError:
        return None
    page = page if isinstance(page, str) else page.get("html", "") if isinstance(page, dict) else ""
    return injected_text.acting(page, scripts=0)


def pages(group, served, clusters, calls):
    """Each cluster and call with hostile text as a page."""
    views = [{"cluster": each} for each in clusters] + [{"call": each} for each in calls] + [{"search": each} for each in injected_text.PAYLOADS]
    views += [{"account": "X"}, {"caller": "<b>"}, {"status": "all"}, {"sort": "count"}, {"page": 2}]
    for view in group.some(views, 10):
        answered, body = served.widget(view)
        # What readers search for is shown to them as they typed it.
        control = "search" not in view and re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", body)
        group.case(f"the page {json.dumps(view)[:50]}", html_of(body) or ("a control character" if control else None) or (None if answered == 200 else f"answers {answered}"), json.dumps(view).encode())


def race(group, served, cluster, store):
    """Forty decisions at once about what all of them saw: one is kept."""
    with concurrent.futures.ThreadPoolExecutor(DECISIONS) as pool:
        answers = list(pool.map(lambda _: served.widget(json.loads(decision(cluster)))[1], range(DECISIONS)))
    history = json.loads(group.program.run("clusters", "history", cluster, "--db", store, "--format", "json").out)
    kept = sum(each["what"] == "resolved" for each in history["journal"])
    problem = None if kept == 1 and len({bytes(each) for each in answers}) >= 2 else f"{kept} decisions are kept"
    for number in range(DECISIONS):
        group.case(f"decision {number} of {DECISIONS} at once", problem)


def many(group, served):
    """Many requests one after the other, and on one connection."""
    before, _ = served.memory()
    count = group.count(REQUESTS, 100) if group.share == 1 else 100
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: served.code("GET /about", [served.host, served.proof]), range(count)))
    after, _ = served.memory()
    wrong = [each for each in codes if each != 200]
    group.case(f"{count} requests", f"{len(wrong)} are answered {set(wrong)}" if wrong else f"{before} MiB, then {after}" if after > before + 40 else None)
    request = f"GET /about HTTP/1.1\r\n{served.host}\r\n{served.proof}\r\n\r\n".encode()
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = served.send(request * 200 + last)
    answered = answer.count(b"HTTP/1.1 200")
    group.case("201 requests without waiting", None if answered == 201 else f"{answered} are answered")


def slow(group, served):
    """Clients that send half a request, or read nothing. The page is answered meanwhile, and they are cut off."""
    streams = []
    for number in range(SLOW if group.share == 1 else 40):
        try:
            stream = served.connect(2)
            stream.sendall(b"POST /widget HT" if number % 2 else f"POST /widget HTTP/1.1\r\n{served.host}\r\n{served.proof}\r\n{JSON}\r\nContent-Length: 9\r\n\r\n{{".encode())
            streams.append(stream)
        except OSError:
            break
    began = time.monotonic()
    answered = served.code("GET /about", [served.host, served.proof], timeout=60)
    waited = time.monotonic() - began
    group.case(f"{len(streams)} half requests", None if answered == 200 and waited < 40 else f"the page is answered {answered} after {waited:.0f} s")
    group.case("a page beside them again", None if served_still(served) else "no answer")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and served.memory()[1] > 60:
        time.sleep(1)
    left = served.memory()[1]
    group.case("half requests are cut off", None if left <= 60 else f"{left} files are still open")
    for stream in streams:
        stream.close()


def exhausted(group, store):
    """A server that may open few files answers again after its clients went away."""
    served = Served(group.program, store, {resource.RLIMIT_NOFILE: 40})
    try:
        streams = []
        for _ in range(80):
            try:
                streams.append(served.connect(1))
            except OSError:
                break
        for stream in streams:
            stream.close()
        time.sleep(2)
        group.case("a server of 40 files", None if served_still(served) else "it does not answer any more")
    finally:
        served.stop()
