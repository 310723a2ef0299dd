// JWE and JWS against jose (npm), which the project did not write: each side opens what the other
// one made, through recrypt-adapter.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { jose, skip as skipJose } from "./load-jose.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.RECRYPT_BUILD ?? path.join(here, "..", "..", "build");
const adapter = path.join(build, "tests", "recrypt-adapter");

const skip = skipJose || (existsSync(adapter) ? false : `no ${adapter}`);

function ask(request) {
  const done = spawnSync(adapter, { input: JSON.stringify(request) + "\n" });
  return JSON.parse(done.stdout.toString());
}

const text = "Hello, world! \u00e4\u6587\u{1f510}";
const bytes = new TextEncoder().encode(text);
const hex = Buffer.from(bytes).toString("hex");

async function keyPair(alg, options) {
  const pair = await jose.generateKeyPair(alg, { extractable: true, ...options });
  return { ...pair, jwk: await jose.exportJWK(pair.privateKey),
           publicJwk: await jose.exportJWK(pair.publicKey) };
}

// What jose can write, by serialization.
const serializations = {
  compact: (key, alg, enc) => new jose.CompactEncrypt(bytes)
      .setProtectedHeader({ alg, enc }).encrypt(key),
  flattened: async (key, alg, enc) => JSON.stringify(await new jose.FlattenedEncrypt(bytes)
      .setProtectedHeader({ enc }).setSharedUnprotectedHeader({ alg })
      .setAdditionalAuthenticatedData(new TextEncoder().encode("bound")).encrypt(key)),
  "general, one recipient": async (key, alg, enc) => JSON.stringify(
      await new jose.GeneralEncrypt(bytes).setProtectedHeader({ enc })
          .addRecipient(key).setUnprotectedHeader({ alg, kid: "a" }).encrypt()),
  "general, two recipients": async (key, alg, enc) => {
    const other = await jose.generateKeyPair(alg, { crv: "P-256" });
    return JSON.stringify(await new jose.GeneralEncrypt(bytes).setProtectedHeader({ enc })
        .addRecipient(other.publicKey).setUnprotectedHeader({ alg, kid: "other" })
        .addRecipient(key).setUnprotectedHeader({ alg, kid: "ours" }).encrypt());
  },
};

for (const crv of ["X25519", "P-256"]) {
  for (const [form, encrypt] of Object.entries(serializations)) {
    test(`${crv}: opens what jose encrypted, ${form}`, { skip }, async () => {
      const key = await keyPair("ECDH-ES+A256KW", { crv });
      const jwe = await encrypt(key.publicKey, "ECDH-ES+A256KW", "A256GCM");
      assert.deepEqual(ask({ op: "jwe-decrypt", jwe, jwk: key.jwk }), { ok: hex });
    });
  }

  test(`${crv}: opens jose's other algorithms`, { skip }, async () => {
    for (const alg of ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW"]) {
      for (const enc of ["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384",
                         "A256CBC-HS512"]) {
        const key = await keyPair(alg, { crv });
        const jwe = await serializations.compact(key.publicKey, alg, enc);
        assert.deepEqual(ask({ op: "jwe-decrypt", jwe, jwk: key.jwk }), { ok: hex }, alg + enc);
      }
    }
  });

  test(`${crv}: jose opens what is encrypted here`, { skip }, async () => {
    const key = await keyPair("ECDH-ES+A256KW", { crv });
    const answer = ask({ op: "jwe-encrypt", message: hex, jwk: key.publicJwk });
    const jwe = JSON.parse(Buffer.from(answer.ok, "hex").toString());
    const opened = await jose.generalDecrypt(jwe, key.privateKey);
    assert.equal(new TextDecoder().decode(opened.plaintext), text);
    const { recipients: [recipient], ...rest } = jwe;
    const flat = await jose.flattenedDecrypt({ ...rest, ...recipient }, key.privateKey);
    assert.equal(new TextDecoder().decode(flat.plaintext), text);
  });

  test(`${crv}: both refuse a JWE with a flipped bit`, { skip }, async () => {
    const key = await keyPair("ECDH-ES+A256KW", { crv });
    const answer = ask({ op: "jwe-encrypt", message: hex, jwk: key.publicJwk });
    const jwe = JSON.parse(Buffer.from(answer.ok, "hex").toString());
    const tag = Buffer.from(jwe.tag, "base64url");
    tag[0] ^= 1;
    jwe.tag = tag.toString("base64url");
    assert.ok(ask({ op: "jwe-decrypt", jwe: JSON.stringify(jwe), jwk: key.jwk }).reject);
    await assert.rejects(jose.generalDecrypt(jwe, key.privateKey));
  });
}

for (const [alg, options] of [["EdDSA", { crv: "Ed25519" }], ["ES256", {}]]) {
  test(`${alg}: verifies what jose signed`, { skip }, async () => {
    const key = await keyPair(alg, options);
    const compact = await new jose.CompactSign(bytes).setProtectedHeader({ alg })
        .sign(key.privateKey);
    assert.deepEqual(ask({ op: "jws-verify", jws: compact, jwk: key.publicJwk }), { ok: hex });
    const flat = await new jose.FlattenedSign(bytes).setProtectedHeader({ alg })
        .sign(key.privateKey);
    assert.deepEqual(ask({ op: "jws-verify", jws: flat, jwk: key.publicJwk }), { ok: hex });
    flat.payload = Buffer.from("another").toString("base64url");
    assert.ok(ask({ op: "jws-verify", jws: flat, jwk: key.publicJwk }).reject);
  });

  test(`${alg}: jose verifies what is signed here`, { skip }, async () => {
    const key = await keyPair(alg, options);
    const compact = ask({ op: "jws-sign", message: hex, jwk: key.jwk, form: "compact" }).ok;
    const verified = await jose.compactVerify(compact, key.publicKey);
    assert.equal(new TextDecoder().decode(verified.payload), text);
    const flat = JSON.parse(ask({ op: "jws-sign", message: hex, jwk: key.jwk }).ok);
    const payload = (await jose.flattenedVerify(flat, key.publicKey)).payload;
    assert.equal(new TextDecoder().decode(payload), text);
  });
}

test("a key has the same thumbprint on both sides", { skip }, async () => {
  const key = await keyPair("ECDH-ES+A256KW", { crv: "P-256" });
  const thumbprint = await jose.calculateJwkThumbprint(key.publicJwk);
  assert.deepEqual(ask({ op: "jwk-thumbprint", jwk: key.publicJwk }), { ok: thumbprint });
});
