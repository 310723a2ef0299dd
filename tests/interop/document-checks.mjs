// What the tests of documents say of them.

import assert from 'node:assert/strict';
import { Refused } from './jcd.mjs';

export const BLOCK = 4096;
export const GROUP = 524288;
export const TRAILER = 656;
export const SIZES = [0, 1, 4095, 4096, 4097, 8192, GROUP - 1, GROUP, GROUP + 1, GROUP + 4096, 2 * GROUP, 1363149];

export const refused = (action, pattern) => assert.throws(action, (error) => error instanceof Refused && (!pattern || pattern.test(error.message)));

export const sameContent = (document, content) => {
  assert.equal(document.size, content.length);
  assert.ok(document.content().equals(content));
};

/** A copy in which the byte at `offset` (from the end, when negative) is another. */
export function changed(file, offset, mask = 1) {
  const copy = Buffer.from(file);
  copy[offset < 0 ? copy.length + offset : offset] ^= mask;
  return copy;
}

/** The text of a header as it stands in the file. */
export const headerText = (file) => file.subarray(1, 2295).toString().replace(/ +$/, '');
