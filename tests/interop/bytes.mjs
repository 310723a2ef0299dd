// Small things that every other module needs: integers, text encodings, hashes, AES-GCM, files and buffers as sources.

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export class Refused extends Error {
  name = 'Refused';
}

export function refuse(message) {
  throw new Refused(message);
}

/** Runs `action` and turns whatever it throws into a refusal with `message`. */
export function orRefuse(message, action) {
  try {
    return action();
  } catch (error) {
    throw new Refused(error instanceof Refused ? error.message : message, { cause: error });
  }
}

export const isZero = (bytes) => bytes.equals(Buffer.alloc(bytes.length));
export const sha256 = (...parts) => digest('sha256', parts);
export const sha512 = (...parts) => digest('sha512', parts);

function digest(name, parts) {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function u16(value) {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A u64 as a number. What does not fit 2^53 is larger than any file that this program can read. */
export function readU64(bytes, offset) {
  const value = bytes.readBigUInt64BE(offset);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) refuse('number out of range');
  return Number(value);
}

/** Takes fields from the front of a byte string. */
export class Cursor {
  constructor(bytes, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  take(length) {
    if (length > this.bytes.length - this.offset) refuse('truncated');
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  u8() { return this.take(1)[0]; }
  u16() { return this.take(2).readUInt16BE(); }
  u32() { return this.take(4).readUInt32BE(); }
  u64() { return readU64(this.take(8), 0); }
  expect(bytes, what) { if (!this.take(bytes.length).equals(bytes)) refuse(what); }
}

export const b64 = (bytes) => Buffer.from(bytes).toString('base64url');

export function unb64(text, length) {
  if (typeof text !== 'string') refuse('not base64url');
  const bytes = Buffer.from(text, 'base64url');
  if (b64(bytes) !== text) refuse('not base64url');
  if (length !== undefined && bytes.length !== length) refuse('base64url of the wrong length');
  return bytes;
}

export function utf8(bytes) {
  return orRefuse('not UTF-8', () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
}

/** JSON as RFC 8785 writes it; the only numbers in the format are whole. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value) ? refuse('string with a lone surrogate') : JSON.stringify(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : refuse('number that is not whole');
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${canonical(name)}:${canonical(value[name])}`).join(',')}}`;
}

/** Refuses objects without the required members, or with members that are neither required nor optional. */
export function members(object, required, optional, what) {
  if (object === null || typeof object !== 'object' || Array.isArray(object)) refuse(`${what}: not an object`);
  for (const name of required) if (!Object.hasOwn(object, name)) refuse(`${what}: ${name} is missing`);
  for (const name of Object.keys(object)) {
    if (!required.includes(name) && !optional.includes(name)) refuse(`${what}: unknown member ${name}`);
  }
}

export function seal(key, associated, plain, nonce = randomBytes(12)) {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(associated);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { nonce, sealed, tag: cipher.getAuthTag() };
}

export function unseal(key, associated, { nonce, sealed, tag }, what) {
  return orRefuse(`${what}: does not verify`, () => {
    const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    cipher.setAAD(associated);
    cipher.setAuthTag(tag);
    return Buffer.concat([cipher.update(sealed), cipher.final()]);
  });
}

/** 2.2: one of the keys that are made from a data key. */
export const deriveKey = (dataKey, uid, use) => Buffer.from(hkdfSync('sha256', dataKey, uid, `jcd/1 ${use}`, 32));

/** A buffer as a source: something of a length that is read at offsets. */
export const bufferSource = (buffer) => ({
  length: buffer.length,
  read: (offset, length) => Buffer.from(buffer.subarray(offset, offset + length)),
});

/** A file as a source. `reads` tells which ranges were asked for. */
export function fileSource(path) {
  const file = openSync(path, 'r');
  const reads = [];
  return {
    length: fstatSync(file).size,
    reads,
    read(offset, length) {
      reads.push({ offset, length });
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
    },
    close: () => closeSync(file),
  };
}
