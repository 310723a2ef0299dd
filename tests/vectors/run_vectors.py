#!/usr/bin/env python3
"""Runs other people's test vectors, in full, through recrypt-adapter.

  tests/vectors/run_vectors.py [-v] [ADAPTER]

The vectors (C2SP Wycheproof, JSONTestSuite) are read from $RECRYPT_VECTORS, by default
../shared/vectors beside the repository; when they are not there, the run says so and passes. Every
failure is printed; -v prints what was skipped and why, too. The last line is the count.
"""
import base64
import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# One case: a request for the adapter, and a function from its answer to a complaint or None.
Case = collections.namedtuple("Case", "name request judge")
Skip = collections.namedtuple("Skip", "name reason")

# JSONTestSuite accepts equal keys in one object; this project refuses them (a second value behind
# the first has hidden signed content elsewhere before). Refusing these is what is tested.
REFUSED_BY_DESIGN = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}

CONTENT_ALGORITHMS = {"A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384",
                      "A256CBC-HS512"}
KEY_ALGORITHMS = {"dir", "A128KW", "A192KW", "A256KW", "ECDH-ES", "ECDH-ES+A128KW",
                  "ECDH-ES+A192KW", "ECDH-ES+A256KW"}


def must_be(expected):
    def judge(answer):
        if answer.get("ok") != expected:
            return f"expected {expected!r:.80}, got {str(answer):.160}"
    return judge


def must_be_refused(answer):
    if "reject" not in answer:
        return f"was not refused: {str(answer):.160}"


def may_be(expected):
    def judge(answer):
        if "reject" not in answer and answer.get("ok") != expected:
            return f"expected {expected!r:.80} or a refusal, got {str(answer):.160}"
    return judge


def judge_for(result, expected):
    return {"valid": must_be(expected), "invalid": must_be_refused,
            "acceptable": may_be(expected)}[result]


def tests_of(path):
    """(name, group, test) of a Wycheproof file."""
    for group in json.loads(path.read_text())["testGroups"]:
        for test in group["tests"]:
            comment = f" {test['comment']}" if test.get("comment") else ""
            yield f"{path.stem}/{test['tcId']}{comment}", group, test


def aes_gcm(path):
    for name, _, t in tests_of(path):
        common = {"key": t["key"], "iv": t["iv"], "aad": t["aad"]}
        yield Case(name + " open", {"op": "aes-gcm-open", **common, "ct": t["ct"], "tag": t["tag"]},
                   judge_for(t["result"], t["msg"]))
        if t["result"] == "valid":
            yield Case(name + " seal", {"op": "aes-gcm-seal", **common, "message": t["msg"]},
                       must_be(t["ct"] + t["tag"]))


def aes_wrap(path):
    for name, _, t in tests_of(path):
        yield Case(name + " unwrap", {"op": "aes-kw-unwrap", "key": t["key"], "ct": t["ct"]},
                   judge_for(t["result"], t["msg"]))
        if t["result"] == "valid":
            yield Case(name + " wrap", {"op": "aes-kw-wrap", "key": t["key"], "message": t["msg"]},
                       must_be(t["ct"]))


def ecdh_p256(path):
    for name, _, t in tests_of(path):
        yield Case(name, {"op": "ecdh-p256", "private": t["private"], "public": t["public"]},
                   judge_for(t["result"], t["shared"]))


def ed25519(path):
    for name, group, t in tests_of(path):
        yield Case(name, {"op": "ed25519-verify", "public": group["publicKey"]["pk"],
                          "message": t["msg"], "signature": t["sig"]}, judge_for(t["result"], ""))


def hkdf(hash_name):
    def cases(path):
        for name, _, t in tests_of(path):
            yield Case(name, {"op": "hkdf", "hash": hash_name, "ikm": t["ikm"], "salt": t["salt"],
                              "info": t["info"], "size": t["size"]},
                       judge_for(t["result"], t["okm"]))
    return cases


def x25519(path):
    for name, _, t in tests_of(path):
        all_zero = not int(t["shared"], 16)
        yield Case(name, {"op": "x25519", "private": t["private"], "public": t["public"]},
                   must_be_refused if all_zero else judge_for(t["result"], t["shared"]))


def compact_header(text):
    """The protected header of a compact serialization; empty when it is none."""
    try:
        part = text.split(".")[0]
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return header if isinstance(header, dict) else {}
    except (ValueError, AttributeError):
        return {}


def is_p256(jwk):
    return jwk.get("crv") == "P-256"


def why_no_jwe(jwk, test):
    """Why a JWE test is beyond the adapter, or None."""
    if jwk.get("kty") != "oct" and not is_p256(jwk):
        return f"keys of {jwk.get('crv') or jwk.get('kty')}"
    if test["result"] != "valid":
        return None  # is to be refused for whatever reason
    header = compact_header(test["jwe"])
    if header.get("alg") not in KEY_ALGORITHMS:
        return f"alg {header.get('alg')}"
    if header.get("enc") not in CONTENT_ALGORITHMS:
        return f"enc {header.get('enc')}"
    return "zip is refused by design" if "zip" in header else None


def jwe(path):
    for name, group, t in tests_of(path):
        if "jwe" not in t:
            continue
        reason = why_no_jwe(group["private"], t)
        if reason:
            yield Skip(name, reason)
            continue
        request = {"op": "jwe-decrypt", "jwe": t["jwe"], "jwk": group["private"]}
        if t["result"] == "valid" and "pt" not in t:
            yield Case(name, request, lambda a: None if "ok" in a else f"refused: {a}")
        else:
            yield Case(name, request, judge_for(t["result"], t.get("pt")))


def why_no_jws(keys):
    if len(keys) != 1:
        return "sets of keys"
    jwk = keys[0]
    if "crv" not in jwk:
        return f"keys of {jwk.get('kty')}"
    # json_web_key has P-256 keys that claim to be of another kind, which are to be refused.
    return f"keys of {jwk['crv']}" if jwk["crv"] == "P-521" else None


def jws(path):
    for name, group, t in tests_of(path):
        if "jws" not in t:
            continue
        key = group.get("public", group["private"])
        keys = key.get("keys", [key])
        reason = why_no_jws(keys)
        if reason:
            yield Skip(name, reason)
            continue
        request = {"op": "jws-verify", "jws": t["jws"], "jwk": keys[0]}
        if t["result"] == "invalid":
            yield Case(name, request, must_be_refused)
        else:
            part = t["jws"].split(".")[1]
            payload = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).hex()
            yield Case(name, request, judge_for(t["result"], payload))


def jws_and_jwe(path):
    yield from jws(path)
    yield from jwe(path)


def json_text(path):
    request = {"op": "json", "text": path.read_bytes().hex()}
    name = f"jsontestsuite/{path.name}"
    if path.name in REFUSED_BY_DESIGN:
        return Case(name + " (refused by design)", request, must_be_refused)
    kind = {"y": "valid", "n": "invalid", "i": "acceptable"}[path.name[0]]
    return Case(name, request, judge_for(kind, ""))


WYCHEPROOF = {
    "aes_gcm_test.json": aes_gcm,
    "aes_wrap_test.json": aes_wrap,
    "ecdh_secp256r1_ecpoint_test.json": ecdh_p256,
    "ed25519_test.json": ed25519,
    "hkdf_sha256_test.json": hkdf("SHA-256"),
    "hkdf_sha512_test.json": hkdf("SHA-512"),
    "json_web_crypto_test.json": jws_and_jwe,
    "json_web_encryption_test.json": jwe,
    "json_web_key_test.json": jws,
    "json_web_signature_test.json": jws,
    "x25519_test.json": x25519,
}


def all_items(directory):
    for name, reader in WYCHEPROOF.items():
        path = directory / "wycheproof" / name
        if path.exists():
            yield from reader(path)
        else:
            yield Skip(f"wycheproof/{name}", "the file is not there")
    texts = sorted((directory / "jsontestsuite").glob("**/[yni]_*.json"))
    if not texts:
        yield Skip("jsontestsuite", "the files are not there")
    for path in texts:
        yield json_text(path)


def ask(adapter, requests):
    """The adapter's answers; short when it died."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([adapter], input=lines.encode(), stdout=subprocess.PIPE, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0:
        print(f"the adapter ended with {done.returncode}")
    return answers


def find_adapter(arguments):
    if arguments:
        return arguments[0]
    build = os.environ.get("RECRYPT_BUILD", str(ROOT / "build"))
    return os.path.join(build, "tests", "recrypt-adapter")


def main():
    verbose = "-v" in sys.argv[1:]
    adapter = find_adapter([a for a in sys.argv[1:] if a != "-v"])
    directory = pathlib.Path(os.environ.get("RECRYPT_VECTORS",
                                            ROOT.parent / "shared" / "vectors"))
    if not directory.is_dir():
        print(f"skipped: foreign vectors, no directory {directory}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    items = list(all_items(directory))
    cases = [item for item in items if isinstance(item, Case)]
    skips = [item for item in items if isinstance(item, Skip)]
    answers = ask(adapter, [case.request for case in cases])
    failed = 0
    for number, case in enumerate(cases):
        answer = answers[number] if number < len(answers) else {"died": True}
        complaint = case.judge(answer)
        if complaint:
            failed += 1
            print(f"FAILED {case.name}: {complaint}")
    if verbose:
        for skip in skips:
            print(f"skip {skip.name}: {skip.reason}")
    for reason, count in sorted(collections.Counter(skip.reason for skip in skips).items()):
        print(f"skipped: {count} of foreign vectors: {reason}")
    print(f"refused by design: {', '.join(sorted(REFUSED_BY_DESIGN))}")
    print(f"{len(cases) - failed} passed, {failed} failed, {len(skips)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
