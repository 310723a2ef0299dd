// 10: sealed attributes. They are Maps here, from names (text in which each character is a byte) to values.

import { randomBytes } from 'node:crypto';
import { Cursor, deriveKey, isZero, refuse, seal, sha256, u16, u32, unseal } from './bytes.mjs';

const LARGEST = 65536;
const CLEAR = 8;

const associated = (uid, clear) => Buffer.concat([Buffer.from('jcd/1 attributes'), uid, clear]);
const attributesKey = ({ key }, uid) => deriveKey(key, uid, 'attributes');

const isName = (name) => name.length >= 1 && name.length <= 250 && !name.includes('\0');

/** The sealed form of attributes, under the newest data key of a document that `open` gave. */
export function sealAttributes({ header: { uid }, dataKeys }, attributes, nonce = randomBytes(12)) {
  const newest = dataKeys.at(-1);
  const names = [...attributes.keys()].sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')));
  const plain = Buffer.concat(names.flatMap((name) => {
    if (!isName(name)) refuse('attributes: name');
    const value = attributes.get(name);
    return [Buffer.from([name.length]), u16(value.length), Buffer.from(name, 'latin1'), value];
  }));
  if (!names.length) refuse('attributes: none');
  const clear = Buffer.concat([Buffer.from([1, 0, 0, 0]), u32(newest.n)]);
  const { sealed, tag } = seal(attributesKey(newest, uid), associated(uid, clear), plain, nonce);
  const bytes = Buffer.concat([clear, nonce, sealed, tag]);
  return bytes.length > LARGEST ? refuse('attributes: too large') : bytes;
}

/** The attributes of a document that `open` gave, from what is kept beside it; a document without any needs no bytes. */
export function openAttributes({ header: { uid }, dataKeys, trailer }, bytes = null) {
  if (isZero(trailer.attributes)) return new Map();
  if (!bytes) refuse('attributes: missing');
  if (!sha256(bytes).equals(trailer.attributes)) refuse('attributes: others than the trailer names');
  if (bytes.length > LARGEST) refuse('attributes: too large');
  const cursor = new Cursor(bytes);
  cursor.expect(Buffer.from([1, 0, 0, 0]), 'attributes: unknown version');
  const number = cursor.u32();
  const dataKey = dataKeys.find(({ n }) => n === number) ?? refuse('attributes: unknown data key');
  const nonce = cursor.take(12);
  const sealed = cursor.take(bytes.length - cursor.offset - 16);
  const tag = cursor.take(16);
  return entriesOf(unseal(attributesKey(dataKey, uid), associated(uid, bytes.subarray(0, CLEAR)), { nonce, sealed, tag }, 'attributes'));
}

function entriesOf(plain) {
  const attributes = new Map();
  const cursor = new Cursor(plain);
  let last = null;
  while (cursor.offset < plain.length) {
    const [nameLength, valueLength] = [cursor.u8(), cursor.u16()];
    const name = cursor.take(nameLength);
    if (!isName(name.toString('latin1'))) refuse('attributes: name');
    if (last && Buffer.compare(last, name) >= 0) refuse('attributes: not sorted');
    attributes.set(name.toString('latin1'), Buffer.from(cursor.take(valueLength)));
    last = name;
  }
  return attributes.size ? attributes : refuse('attributes: none');
}

/** The name of the extended attribute in which sealed attributes are kept. */
export const storedName = (digest) => `user.jcd.sealed.${digest.subarray(0, 16).toString('hex')}`;
