// 6: commit records.

import { Cursor, bufferSource, deriveKey, isZero, refuse, seal, u32, u64, unseal } from './bytes.mjs';
import { HEADER, SLOT, TRAILER, sizeOf, storedLength } from './geometry.mjs';
import { parseTrailer } from './trailer.mjs';

export const RECORD_TEXT = Buffer.concat([Buffer.from('{"record":'), Buffer.from([0x8b])]);
const FOOTER_TEXT = Buffer.from('jcdrecor');
const FOOTER = 32;
const SECTOR = 512;
const AUTHENTICATION = 28;
const MOST_BODY = 2 ** 27;
const ZEROS = 2 ** 31;

/** A write of bytes, and one of zeros. */
export const writeOf = (offset, bytes) => ({ offset, length: bytes.length, bytes });
export const zerosAt = (offset, length) => ({ offset, length, bytes: null });

/** A file with writes over it, cut to a length: what is read instead of the file when records stand behind a document. */
export class Image {
  constructor(file, writes, length) {
    Object.assign(this, { file, writes, length });
  }

  read(offset, length) {
    if (offset < 0 || offset + length > this.length) refuse('truncated');
    const bytes = Buffer.alloc(length);
    if (offset < this.file.length) this.file.read(offset, Math.min(length, this.file.length - offset)).copy(bytes);
    for (const write of this.writes) {
      const from = Math.max(offset, write.offset);
      const to = Math.min(offset + length, write.offset + write.length);
      if (from >= to) continue;
      if (write.bytes) write.bytes.copy(bytes, from - offset, from - write.offset, to - write.offset);
      else bytes.fill(0, from - offset, to - offset);
    }
    return bytes;
  }
}

// ---- Reading

/** The record at a position, checked as far as that goes without a key. */
export function readRecord(file, position) {
  const start = RECORD_TEXT.length + 8;
  if (position < HEADER || position + start > file.length) refuse('record: position');
  const head = new Cursor(file.read(position, start));
  head.expect(RECORD_TEXT, 'record: framing');
  const length = head.u64();
  const end = position + start + length + 1;
  if (length > MOST_BODY) refuse('record: too large');
  if (length < AUTHENTICATION || end > file.length) refuse('record: truncated');
  const body = file.read(position + start, length + 1);
  if (body[length] !== '}'.charCodeAt(0)) refuse('record: framing');

  const authenticated = body.subarray(0, length - AUTHENTICATION);
  const cursor = new Cursor(authenticated);
  cursor.expect(Buffer.from([1, 0, 0, 0]), 'record: unknown version');
  const record = {
    position, end, authenticated,
    nonce: body.subarray(length - AUTHENTICATION, length - 16),
    tag: body.subarray(length - 16, length),
    keyNumber: cursor.u32(),
    baseLength: cursor.u64(),
    ownPosition: cursor.u64(),
    previous: cursor.u64(),
    newLength: cursor.u64(),
    newSize: cursor.u64(),
  };
  const count = cursor.u32();
  record.followed = cursor.take(TRAILER);
  record.writes = [];
  for (let index = 0; index < count; index++) {
    const offset = cursor.u64();
    const length = cursor.u32();
    record.writes.push(length < ZEROS ? writeOf(offset, cursor.take(length)) : zerosAt(offset, length - ZEROS));
  }
  if (cursor.offset !== authenticated.length) refuse('record: length');
  checkRecord(record);
  return record;
}

function checkRecord(record) {
  if (record.ownPosition !== record.position) refuse('record: stands at another position than it says');
  if (record.position < Math.max(record.baseLength, record.newLength)) refuse('record: stands inside the document');
  if (storedLength(record.newSize) !== record.newLength) refuse('record: new size and length do not fit');
  const followed = parseTrailer(record.followed);
  if (followed.keyNumber !== record.keyNumber) refuse('record: not under the newest key');
  if (storedLength(followed.size) !== record.baseLength) refuse('record: base length');
  const sorted = [...record.writes].sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { offset, length } of sorted) {
    if (offset < end) refuse('record: overlapping writes');
    end = offset + length;
  }
  if (end > record.newLength) refuse('record: writes behind the new end');
  record.made = madeTrailer(record, followed);
}

const NOTHING = bufferSource(Buffer.alloc(0));

/** The trailer of the state that a record makes: all of it is in the record's writes. */
function madeTrailer({ writes, newLength, newSize }, followed) {
  const start = newLength - TRAILER;
  const there = writes.map(({ offset, length }) => Math.max(0, offset + length - Math.max(offset, start)));
  if (there.reduce((sum, length) => sum + length, 0) !== TRAILER) refuse('record: without the new trailer');
  const made = new Image(NOTHING, writes, newLength).read(start, TRAILER);
  const { size, generation } = parseTrailer(made);
  if (generation !== followed.generation + 1) refuse('record: generation');
  return size === newSize ? made : refuse('record: trailer of another size');
}

/** What a file's footer says. */
export function readFooter(file) {
  if (file.length < HEADER + FOOTER) refuse('no footer');
  const footer = new Cursor(file.read(file.length - FOOTER, FOOTER));
  footer.expect(FOOTER_TEXT, 'no footer');
  return { position: footer.u64(), newLength: footer.u64(), newSize: footer.u64() };
}

/** The records of a file in order, as its footer has them. */
export function recordsByFooter(file) {
  const records = [];
  let before = file.length;
  for (let { position } = readFooter(file); position !== 0; position = records[0].previous) {
    if (position >= before) refuse('record: positions do not fall');
    records.unshift(readRecord(file, position));
    before = position;
  }
  if (!records.length) refuse('no records');
  return records;
}

/**
 * Verifies that records stand in a chain behind a document, and gives the image of the state that they make. `openRegion` opens the first bytes
 * of a state, or throws.
 */
export function checkChain(file, records, openRegion) {
  const [first] = records;
  const { uid, keys } = keysOfChain(file, records, openRegion);
  records.forEach((record, index) => {
    const before = records[index - 1];
    if (record.previous !== (before?.position ?? 0)) refuse('record: previous');
    if (before && record.position < before.end + makeFooter(before).length) refuse('record: position');
    if (record.newLength > first.position) refuse('record: the document would reach into the records');
    if (before && !record.followed.equals(before.made)) refuse('record: follows another state');
    const key = keys.get(record.keyNumber) ?? refuse('record: unknown data key');
    unseal(deriveKey(key, uid, 'record'), Buffer.concat([uid, record.authenticated]),
      { nonce: record.nonce, sealed: Buffer.alloc(0), tag: record.tag }, 'record');
  });
  return { image: imageAfter(file, records), interrupted: checkBase(file, records) };
}

const writesOf = (records) => records.flatMap(({ writes }) => writes);
const imageAfter = (file, records) => new Image(file, writesOf(records), records.at(-1).newLength);

/** The data keys of a chain. An interrupted apply may have overwritten the base's header in part: the keys may be in any of the headers. */
function keysOfChain(file, records, openRegion) {
  let uid = null;
  const keys = new Map();
  for (let count = 0; count <= records.length; count++) {
    if (count > 0 && !records[count - 1].writes.some(({ offset }) => offset < HEADER - SLOT)) continue;
    let opened;
    try {
      opened = openRegion(new Image(file, writesOf(records.slice(0, count)), HEADER).read(0, HEADER));
    } catch {
      continue;
    }
    if (uid && !uid.equals(opened.header.uid)) refuse('record: makes another document');
    uid = opened.header.uid;
    for (const { n, key } of opened.dataKeys) {
      if (keys.has(n) && !keys.get(n).equals(key)) refuse('record: changes a data key');
      keys.set(n, key);
    }
  }
  return uid ? { uid, keys } : refuse('no header opens');
}

/** What applying a chain puts in the place of the base's trailer: nothing of it is left. */
function overBaseTrailer(records) {
  const { baseLength } = records[0];
  const { newLength } = records.at(-1);
  const bytes = new Image(NOTHING, writesOf(records), baseLength).read(baseLength - TRAILER, TRAILER);
  return bytes.fill(0, Math.min(TRAILER, Math.max(0, newLength - (baseLength - TRAILER))));
}

/** Whether the chain was being applied when something stopped that: each sector of the base's trailer is either as it was, or as applying makes it. */
function checkBase(file, records) {
  const { baseLength, followed } = records[0];
  const start = baseLength - TRAILER;
  const found = new Image(file, [], baseLength).read(start, TRAILER);
  if (found.equals(followed)) return false;
  const allowed = [followed, overBaseTrailer(records)];
  for (let from = 0, to; from < TRAILER; from = to) {
    to = Math.min(TRAILER, from + SECTOR - ((start + from) % SECTOR));
    if (!allowed.some((state) => state.subarray(from, to).equals(found.subarray(from, to)))) refuse('record: follows another state');
  }
  return true;
}

/** Records that stand behind a document of this length, found without a footer. */
export function recordsBehind(buffer, baseLength) {
  const file = bufferSource(buffer);
  const records = [];
  for (let position = baseLength; (position = buffer.indexOf(RECORD_TEXT, position)) >= 0;) {
    try {
      const record = readRecord(file, position);
      if (!records.length && record.baseLength !== baseLength) refuse('record: base length');
      records.push(record);
      position = record.end;
    } catch {
      position++;
    }
  }
  return records;
}

// ---- Writing

export function makeRecord(uid, dataKey, { baseLength, position, previous, newLength, newSize, followed, writes }) {
  const authenticated = Buffer.concat([
    Buffer.from([1, 0, 0, 0]), u32(dataKey.n), u64(baseLength), u64(position), u64(previous), u64(newLength), u64(newSize),
    u32(writes.length), followed,
    ...writes.flatMap(({ offset, length, bytes }) => (bytes ? [u64(offset), u32(length), bytes] : [u64(offset), u32(length + ZEROS)])),
  ]);
  if (authenticated.length + AUTHENTICATION > MOST_BODY) refuse('too much for a record');
  const { nonce, tag } = seal(deriveKey(dataKey.key, uid, 'record'), Buffer.concat([uid, authenticated]), Buffer.alloc(0));
  return Buffer.concat([RECORD_TEXT, u64(authenticated.length + AUTHENTICATION), authenticated, nonce, tag, Buffer.from('}')]);
}

/** The zeros and the footer behind a record that ends where it says. */
export function makeFooter({ position, end, newLength, newSize }) {
  let zeros = 0;
  while (sizeOf(end + zeros + FOOTER) !== null) zeros++;
  return Buffer.concat([Buffer.alloc(zeros), FOOTER_TEXT, u64(position), u64(newLength), u64(newSize)]);
}

/** The zeros and the footer behind what was written ahead of a commit; `length` and `size` are those of the committed state. */
export const aheadFooter = (end, { length, size }) => makeFooter({ position: 0, end, newLength: length, newSize: size });

/** Bytes as writes, those of zeros where that saves something. */
export function asWrites(offset, bytes) {
  const PIECE = 64;
  const writes = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    const length = Math.min(PIECE, bytes.length - at);
    const zeros = isZero(bytes.subarray(at, at + length));
    const last = writes.at(-1);
    if (last?.zeros === zeros) last.end = at + length; else writes.push({ zeros, start: at, end: at + length });
  }
  return writes.map(({ zeros, start, end }) => (
    zeros ? zerosAt(offset + start, end - start) : writeOf(offset + start, bytes.subarray(start, end))));
}

/** What applying the records of a state writes: each byte once, as it is in that state, and the place of the base's trailer by one write. */
export function applyWrites({ image, records }) {
  const to = records[0].baseLength;
  const from = to - TRAILER;
  const ranges = [];
  const add = (offset, end) => {
    const last = ranges.at(-1);
    if (last && offset <= last.end) last.end = Math.max(last.end, end);
    else if (offset < end) ranges.push({ offset, end });
  };
  const sorted = writesOf(records).sort((a, b) => a.offset - b.offset);
  for (const { offset, length } of sorted) add(offset, Math.min(offset + length, image.length, from));
  for (const { offset, length } of sorted) add(Math.max(offset, to), Math.min(offset + length, image.length));
  return [...ranges.map(({ offset, end }) => writeOf(offset, image.read(offset, end - offset))), writeOf(from, overBaseTrailer(records))];
}
