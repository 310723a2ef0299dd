// 4, 5: credentials, signatures and the trailer.

import { ECDH, sign as cryptoSign, verify as cryptoVerify } from 'node:crypto';
import {
  Cursor, b64, deriveKey, isZero, orRefuse, refuse, seal, u32, u64, unb64, unseal, utf8,
} from './bytes.mjs';
import { TRAILER } from './geometry.mjs';
import { kidsOf, privateKey, publicKey, udf } from './header.mjs';

export const TRAILER_TEXT = Buffer.concat([Buffer.from('{"trailer":'), Buffer.from([0x89, 0x02, 0x80])]);
const TRAILER_END = Buffer.from('}]');
const CLEAR = 128;
const DAY = 86400;
const SIGNATURES = 484;

// ---- Signatures

const ED25519 = 1;
const ES256 = 2;
const algorithmOf = (jwk) => ({ Ed25519: ED25519, 'P-256': ES256 })[jwk.crv] ?? refuse('no signature key');

function sign(jwk, data) {
  return algorithmOf(jwk) === ED25519
    ? cryptoSign(null, data, privateKey(jwk))
    : cryptoSign('sha256', data, { key: privateKey(jwk), dsaEncoding: 'ieee-p1363' });
}

function verified(jwk, data, signature) {
  return algorithmOf(jwk) === ED25519
    ? cryptoVerify(null, data, publicKey(jwk), signature)
    : cryptoVerify('sha256', data, { key: publicKey(jwk), dsaEncoding: 'ieee-p1363' }, signature);
}

/** The key as a credential holds it: 32 bytes, or a compressed point. */
function packKey(jwk) {
  if (algorithmOf(jwk) === ED25519) return unb64(jwk.x, 32);
  const y = unb64(jwk.y, 32);
  return Buffer.concat([Buffer.from([2 + (y[31] & 1)]), unb64(jwk.x, 32)]);
}

function unpackKey(algorithm, bytes) {
  if (algorithm === ED25519) return { kty: 'OKP', crv: 'Ed25519', x: b64(bytes) };
  const point = orRefuse('credential: key is not on the curve', () => ECDH.convertKey(bytes, 'prime256v1', null, null, 'uncompressed'));
  return { kty: 'EC', crv: 'P-256', x: b64(point.subarray(1, 33)), y: b64(point.subarray(33)) };
}

// ---- Credentials (4)

function credentialText(master, fields) {
  const fingerprint = udf(master);
  return Buffer.concat([Buffer.from('jcd/1 credential\0'), Buffer.from([fingerprint.length]), Buffer.from(fingerprint), fields]);
}

function checkSubject(bytes) {
  if (bytes.length < 1 || bytes.length > 36) refuse('credential: length of the subject');
  const subject = utf8(bytes);
  return /[\p{Cc}\s]/u.test(subject) ? refuse('credential: subject with a blank or a control character') : subject;
}

/** `master` is the label master's private key, `device` the public key of the device; both JWKs. */
export function issueCredential({ master, device, subject, epoch = 1, expires, rights = 1 }) {
  const text = Buffer.from(subject);
  checkSubject(text);
  const fields = Buffer.concat([
    Buffer.from([algorithmOf(device), rights]), u32(epoch), u64(expires), packKey(device), Buffer.from([text.length]), text,
  ]);
  return Buffer.concat([fields, sign(master, credentialText(master, fields))]);
}

/** Takes a credential from the front of what the cursor stands at. */
function takeCredential(cursor) {
  const start = cursor.offset;
  const algorithm = cursor.u8();
  if (algorithm !== ED25519 && algorithm !== ES256) refuse('credential: unknown algorithm');
  const rights = cursor.u8();
  if (rights > 1) refuse('credential: unknown rights');
  const epoch = cursor.u32();
  const expires = cursor.u64();
  const key = unpackKey(algorithm, cursor.take(algorithm === ED25519 ? 32 : 33));
  const subject = checkSubject(cursor.take(cursor.u8()));
  const fields = cursor.bytes.subarray(start, cursor.offset);
  const signature = cursor.take(64);
  return { rights, epoch, expires, key, subject, fields, signature, bytes: cursor.bytes.subarray(start, cursor.offset) };
}

/** The label of the document's expression whose master key signed a credential; undefined if none did. */
export const labelThatSigned = ({ fields, signature }, { expression }, { masters = {} }) => expression.flat().find((label) => {
  const master = masters[label];
  return master && verified(master, credentialText(master, fields), signature);
});

/** Whether a credential holds for a signature in a document with this header. */
function checkCredential({ kind, time, credential }, header, options) {
  const label = labelThatSigned(credential, header, options) ?? refuse('credential: not signed by a master key of the label');
  if (credential.rights !== 1) refuse('credential: may not write');
  if (credential.expires < time) refuse('credential: had expired');
  if (kind === 2) return;
  for (const kid of kidsOf(header, label)) {
    const epoch = options.epochs?.[kid] ?? refuse(`credential: no epoch is known of key ${kid}`);
    if (credential.epoch < epoch) refuse('credential: of an earlier epoch than the key in the header');
  }
}

// ---- Signature entries (5)

const KINDS = { 1: 'jcd/1 author', 2: 'jcd/1 author', 3: 'jcd/1 wrapper' };

const signedText = (kind, uid, time, { headerDigest, generation, size, root, attributes }) => Buffer.concat([
  Buffer.from(`${KINDS[kind]}\0`), uid, u64(time), headerDigest, u64(generation), u64(size), root, attributes,
]);

const clock = () => Math.floor(Date.now() / 1000);

/** An entry of kind 1 or 3 for the state that `fields` are of. */
export function signEntry(kind, uid, fields, { device, credential, time = clock() }) {
  const parsed = takeCredential(new Cursor(credential));
  if (!packKey(parsed.key).equals(packKey(device))) refuse('the credential is for another device');
  return { kind, time, credential: parsed, signature: sign(device, signedText(kind, uid, time, fields)) };
}

/** An author's entry as it is kept when only the header changes. */
export const keptEntry = (entry, fields) => (entry.kind === 1
  ? { ...entry, kind: 2, headerDigest: fields.headerDigest, generation: fields.generation } : entry);

const packEntry = ({ kind, time, headerDigest, generation, credential, signature }) => Buffer.concat([
  Buffer.from([kind]), u64(time), ...(kind === 2 ? [headerDigest, u64(generation)] : []), credential.bytes, signature,
]);

function takeEntry(cursor) {
  const entry = { kind: cursor.u8(), time: cursor.u64() };
  if (!KINDS[entry.kind]) refuse('trailer: unknown kind of signature');
  if (entry.kind === 2) {
    entry.headerDigest = cursor.take(32);
    entry.generation = cursor.u64();
  }
  entry.credential = takeCredential(cursor);
  entry.signature = cursor.take(64);
  return entry;
}

// ---- The trailer (5)

/** The fields that stand in clear in a trailer. */
export function parseTrailer(bytes) {
  if (bytes.length !== TRAILER) refuse('trailer: truncated');
  const cursor = new Cursor(bytes);
  cursor.expect(TRAILER_TEXT, 'trailer: framing');
  const clear = bytes.subarray(cursor.offset, cursor.offset + CLEAR);
  cursor.expect(Buffer.from([1, 0, 0, 0]), 'trailer: unknown version');
  const fields = {
    clear,
    keyNumber: cursor.u32(),
    generation: cursor.u64(),
    size: cursor.u64(),
    writes: cursor.u64(),
    root: cursor.take(32),
    attributes: cursor.take(32),
    headerDigest: cursor.take(32),
    nonce: cursor.take(12),
    sealed: cursor.take(SIGNATURES),
    tag: cursor.take(16),
  };
  cursor.expect(TRAILER_END, 'trailer: framing');
  return fields;
}

const associated = (uid, clear) => Buffer.concat([Buffer.from('jcd/1 trailer'), uid, clear]);

export function makeTrailer(uid, dataKey, fields, entries) {
  const { generation, size, writes, root, attributes, headerDigest } = fields;
  const clear = Buffer.concat([
    Buffer.from([1, 0, 0, 0]), u32(dataKey.n), u64(generation), u64(size), u64(writes), root, attributes, headerDigest,
  ]);
  const plain = Buffer.alloc(SIGNATURES);
  Buffer.concat([Buffer.from([entries.length]), ...entries.map(packEntry)]).copy(plain);
  const { nonce, sealed, tag } = seal(deriveKey(dataKey.key, uid, 'trailer'), associated(uid, clear), plain);
  return Buffer.concat([TRAILER_TEXT, clear, nonce, sealed, tag, TRAILER_END]);
}

/** Unseals the trailer of a document, and gives its fields with its signature entries, which are not verified yet. */
export function openTrailer(bytes, { uid, digest }, size, dataKeys) {
  const trailer = parseTrailer(bytes);
  const newest = dataKeys.at(-1);
  if (trailer.keyNumber !== newest.n) refuse('trailer: not under the newest data key');
  const plain = unseal(deriveKey(newest.key, uid, 'trailer'), associated(uid, trailer.clear), trailer, 'trailer');
  if (!trailer.headerDigest.equals(digest)) refuse('trailer: of another header');
  if (trailer.size !== size) refuse('trailer: of another size');
  if (size === 0 && !isZero(trailer.root)) refuse('trailer: root of an empty document');
  if (trailer.generation < 1) refuse('trailer: generation');

  const cursor = new Cursor(plain);
  trailer.entries = Array.from({ length: cursor.u8() }, () => takeEntry(cursor));
  if (!isZero(plain.subarray(cursor.offset))) refuse('trailer: bytes behind the signatures');
  return trailer;
}

/**
 * Verifies the signatures of a trailer, and adds `author` and `wrapper`, the credentials of who wrote the content (null: unknown) and who wrapped the
 * header last. Options:
 *   masters  the public master keys of the labels, JWKs by the labels' names
 *   epochs   the epochs of the labels' keys by their UDFs, from the label profiles
 *   anyone   whether all labels let unknown authors write
 *   now      the reader's clock, seconds since 1970
 */
export function verifySignatures(trailer, header, options) {
  const { entries } = trailer;
  const kinds = entries.map(({ kind }) => kind).join();
  if (!['', '1', '2,3'].includes(kinds)) refuse('trailer: kinds of signatures');
  if (kinds === '' && !options.anyone) refuse('trailer: unknown author');
  for (const entry of entries) verifyEntry(entry, trailer, header, options);
  trailer.author = entries[0]?.credential ?? null;
  trailer.wrapper = entries.at(-1)?.credential ?? null;
}

function verifyEntry(entry, trailer, header, options) {
  const { kind, time, headerDigest, generation, credential, signature } = entry;
  if (time > (options.now ?? clock()) + DAY) refuse('trailer: signed in the future');
  checkCredential(entry, header, options);
  if (kind === 2 && generation >= trailer.generation) refuse('trailer: generation of the author');
  const signed = kind === 2 ? { ...trailer, headerDigest, generation } : trailer;
  if (!verified(credential.key, signedText(kind, header.uid, time, signed), signature)) refuse('trailer: signature does not verify');
}
