// A document's header is a JWE that jose (npm), which the project did not write, opens with nothing but a label's private key; and what it then
// yields is enough to decrypt the blocks.

import assert from 'node:assert/strict';
import { createDecipheriv, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import { compose, headerObject } from './jcd.mjs';
import { jose, skip } from './load-jose.mjs';
import { accounting, board, legal, pattern, writing } from './fixtures.mjs';

const unwrap = async (file, { key }) => {
  const { jwe } = JSON.parse(file.subarray(1, 2295).toString());
  const imported = await jose.importJWK(key, 'ECDH-ES+A256KW');
  const { plaintext, additionalAuthenticatedData } = await jose.generalDecrypt(jwe, imported);
  assert.equal(additionalAuthenticatedData.length, 32);
  return JSON.parse(Buffer.from(plaintext).toString());
};

/** Decrypts a document of one group with its data keys, straight from the page. */
function decrypt(file, size, { keys, uid }) {
  const id = Buffer.from(uid, 'base64url');
  const table = 2304 + size;
  const data = keys.find(({ n }) => n === file.readUInt32BE(table));
  const key = Buffer.from(hkdfSync('sha256', Buffer.from(data.k, 'base64url'), id, 'jcd/1 block', 32));
  const blocks = [];
  for (let block = 0; block * 4096 < size; block++) {
    const entry = file.subarray(table + 4 + 40 * block);
    const associated = Buffer.alloc(24);
    id.copy(associated);
    associated.writeBigUInt64BE(BigInt(block), 16);
    const cipher = createDecipheriv('aes-256-gcm', key, entry.subarray(0, 12));
    cipher.setAAD(associated);
    cipher.setAuthTag(entry.subarray(12, 28));
    const from = 2304 + 4096 * block;
    blocks.push(cipher.update(file.subarray(from, Math.min(from + 4096, table))), cipher.final());
  }
  return Buffer.concat(blocks);
}

const CASES = [
  ['one label on X25519', accounting.name, [accounting]],
  ['one label on P-256', board.name, [board]],
  ['two alternatives', `${accounting.name} | ${legal.name}`, [accounting, legal]],
  // The recipient on P-256 has an algorithm that jose does not know, and the other one has not.
  ['alternatives on both curves', `${accounting.name} | ${board.name}`, [accounting]],
  ['an alternative beside a conjunction', `${accounting.name} + ${board.name} | ${legal.name}`, [legal]],
];

for (const [name, expression, openers] of CASES) {
  test(`jose opens the header: ${name}`, { skip }, async () => {
    const content = pattern(10000);
    const file = compose(content, writing(expression, [accounting, board, legal]));
    for (const label of openers) {
      const wrapper = await unwrap(file, label);
      assert.equal(wrapper.uid, headerObject(file).uid);
      assert.equal(wrapper.name, 'report.odt');
      assert.ok(decrypt(file, content.length, wrapper).equals(content));
    }
  });
}

test('jose refuses a header whose aad was changed', { skip }, async () => {
  const file = compose(pattern(10), writing(accounting.name, [accounting]));
  const { jwe } = headerObject(file);
  const key = await jose.importJWK(accounting.key, 'ECDH-ES+A256KW');
  await assert.rejects(jose.generalDecrypt({ ...jwe, aad: jwe.aad.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) }, key));
});
