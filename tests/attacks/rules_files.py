"""Rules files that are huge, deep, slow to match or no rules: refused with a sentence, in little memory and time."""

import resource

import trails

SECONDS = 6
RESIDENT_MIB = 200
# A pattern may not take all memory of the machine.
MEMORY = {resource.RLIMIT_AS: 1 << 30}


def attack(group):
    trail = group.place("trail") / "in.jsonl"
    # Long texts make a slow pattern visible.
    trail.write_bytes(trails.lines([trails.record(number, errorMessage="a" * 1000 + "b", userAgent="ab" * 500) for number in range(300)]))
    for number, (name, content, codes) in enumerate(group.some(files(), 6)):
        path = group.place("rules") / f"{number}.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        for command in (["rules", "check", path], ["scan", "-q", "--rules", path, trail]):
            ran = group.program.run(*command, hangs=20, limits=MEMORY)
            group.case(f"{name}, {command[0]}", ran.problem(codes, SECONDS, RESIDENT_MIB), path)
    for path, codes in [("/dev/zero", (1, 2)), ("/dev/urandom", (1, 2)), ("/dev/null", (0, 1, 2)), ("/", (1, 2)), ("/nowhere", (1, 2))]:
        ran = group.program.run("rules", "check", path, hangs=20, limits=MEMORY)
        group.case(f"the file {path}", ran.problem(codes, SECONDS, RESIDENT_MIB))


def rule(when, more=""):
    return f'[[rule]]\nname = "x"\nwhen = {when}\nignore = true\nreason = "r"\n{more}\n'


def files():
    """Yields name, content, and the exit codes that are right."""
    bad = (1, 2)
    either = (0, 1, 2)
    for name, expression in {
        "repetitions of repetitions": "(((a{100}){100}){100}){100}",
        "a long repetition": "a{1000}{1000}",
        "nested stars": "((((a*)*)*)*)*b",
        "alternatives": "(a|a)*(a|a)*(a|a)*c",
        "many alternatives": "|".join("a" * (number % 50 + 1) for number in range(2000)),
        "1,000 levels": "(" * 1000 + "a" + ")" * 1000,
        "100,000 levels": "(" * 100_000 + "a" + ")" * 100_000,
        "many classes": "[^a]" * 5000,
        "an open bracket": "[a",
        "a class of everything": "[\\s\\S]{0,500}x",
        "a back reference": "(a)\\\\1",
        "a look ahead": "(?=a)a",
        "nothing": "",
        "Unicode": "[\U0001f600-\U0001f64f]{50}",
    }.items():
        text = rule("{ errorMessage = [{ regexp = '" + expression + "' }] }")
        yield f"a regular expression of {name}", text, either
    for count in (5, 50, 500, 5000):
        yield f"a wildcard of {count} stars", rule('{ errorMessage = [{ wildcard = "' + "a*" * count + 'c" }] }'), either
        yield f"a wildcard of {count} stars in a row", rule('{ errorMessage = [{ wildcard = "' + "*" * count + '" }] }'), either
    yield "100 wildcards", "".join(rule('{ userAgent = [{ wildcard = "*a*b*a*' + str(number) + '" }] }').replace('"x"', f'"x{number}"') for number in range(100)), either
    yield "20,000 rules", "".join(rule('{ errorCode = ["x"] }').replace('"x"\nwhen', f'"x{number}"\nwhen') for number in range(20_000)), either
    yield "20,000 values", rule("{ errorCode = [" + ",".join(f'"v{number}"' for number in range(20_000)) + "] }"), either
    yield "20,000 suffixes", rule("{ errorCode = [" + ",".join(f'{{ suffix = "v{number}" }}' for number in range(20_000)) + "] }"), either
    yield "a pattern 1,000 levels deep", rule("{ a = " * 1000 + '["x"]' + " }" * 1000), either
    yield "a pattern 100,000 levels deep", rule("{ a = " * 100_000 + '["x"]' + " }" * 100_000), bad
    yield "arrays 100,000 levels deep", "x = " + "[" * 100_000, bad
    yield "a key of 1 MiB", rule('{ "' + "k" * (1 << 20) + '" = ["x"] }'), either
    yield "a name of 1 MiB", rule('{ errorCode = ["x"] }').replace('"x"\nwhen', '"' + "n" * (1 << 20) + '"\nwhen'), either
    yield "numbers beyond all", rule('{ x = [{ numeric = [">", 1e308, "<", -1e308] }] }'), either
    yield "a network that is none", rule('{ sourceIPAddress = [{ cidr = "999.0.0.0/99" }] }'), either
    yield "anything but anything", rule('{ errorCode = [{ anything-but = [] }] }'), either
    yield "an operator that does not exist", rule('{ errorCode = [{ nope = "x" }] }'), bad
    yield "no when", '[[rule]]\nname = "x"\nignore = true\nreason = "r"\n', bad
    yield "an end that is no date", rule('{ errorCode = ["x"] }', 'until = "2027-99-99"'), bad
    yield "a merge into nothing", '[[rule]]\nname = "x"\nwhen = { errorCode = ["x"] }\nmerge = "../../etc"\n', bad
    yield "escape sequences", rule('{ errorCode = ["x"] }').replace('"x"\nwhen', '"\\u001b[31m\\u202e"\nwhen').replace("ignore", "nope"), bad
    yield "no UTF-8", b"\xff\xfe[[rule]]", bad
    yield "NUL bytes", bytes(1 << 20), bad
    yield "40 MiB of comments", "# x\n" * (10 << 20), either
    yield "40 MiB of one line", 'x = "' + "a" * (40 << 20) + '"', bad
    yield "JSON", '{"rule": []}', bad
    yield "a watch with 10,000 calls", '[[watch]]\nname = "w"\ncalls = [' + ",".join(f'"s3:Get{number}"' for number in range(10_000)) + ']\ntier = "always"\nwhy = "w"\n', either
    yield "a watch with a regular expression", '[[watch]]\nname = "w"\ncalls = ["s3:GetObject"]\nwhen = { errorMessage = [{ regexp = "(((a{100}){100}){100}){100}" }] }\ntier = "always"\nwhy = "w"\n', either
    yield "a policy of stars", '[[policy]]\nsink = "sns"\nmatch = { principal = ["' + "*a" * 5000 + '"] }\n', either
    yield "a silence of all time", '[[policy]]\nsink = "sns"\nsilence = "99999999999999999999d"\n', bad
