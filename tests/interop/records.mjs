// 6: commit records.

import { Cursor, deriveKey, refuse, seal, u32, u64, unseal } from './bytes.mjs';
import { HEADER, SLOT, TRAILER, sizeOf, storedLength } from './geometry.mjs';
import { parseTrailer } from './trailer.mjs';

export const RECORD_TEXT = Buffer.concat([Buffer.from('{"record":'), Buffer.from([0x8b])]);
const FOOTER_TEXT = Buffer.from('jcdrecor');
const FOOTER = 32;
const SECTOR = 512;
const AUTHENTICATION = 28;

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
      const to = Math.min(offset + length, write.offset + write.bytes.length);
      if (from < to) write.bytes.copy(bytes, from - offset, from - write.offset, to - write.offset);
    }
    return bytes;
  }
}

const writesOf = (records) => records.flatMap(({ writes }) => writes);
export const imageAfter = (file, records, baseLength) => new Image(file, writesOf(records), records.at(-1)?.newLength ?? baseLength);

// ---- Reading

/** The record at a position, checked as far as that goes without a key. */
export function readRecord(file, position) {
  const start = RECORD_TEXT.length + 8;
  if (position < HEADER || position + start > file.length) refuse('record: position');
  const head = new Cursor(file.read(position, start));
  head.expect(RECORD_TEXT, 'record: framing');
  const length = head.u64();
  const end = position + start + length + 1;
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
    record.writes.push({ offset, bytes: cursor.take(cursor.u32()) });
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
  for (const { offset, bytes } of sorted) {
    if (offset < end) refuse('record: overlapping writes');
    end = offset + bytes.length;
  }
  if (end > record.newLength) refuse('record: writes behind the new end');
}

/** The records of a file in order, as its footer has them. */
export function recordsByFooter(file) {
  if (file.length < HEADER + FOOTER) refuse('no footer');
  const footer = new Cursor(file.read(file.length - FOOTER, FOOTER));
  footer.expect(FOOTER_TEXT, 'no footer');
  const records = [];
  let before = file.length;
  for (let position = footer.u64(); position !== 0; position = records[0].previous) {
    if (position >= before) refuse('record: positions do not fall');
    records.unshift(readRecord(file, position));
    before = position;
  }
  if (!records.length) refuse('no records');
  return records;
}

/**
 * Verifies records that stand behind a document. `keysOf` opens the first bytes of a state and gives uid and data keys, or null if it
 * cannot: a record may bring a new header, the base's may have been overwritten in part, and the keys may be in either.
 */
export function checkChain(file, records, keysOf) {
  let uid = null;
  const keys = new Map();
  for (let count = 0; count <= records.length; count++) {
    if (count > 0 && !records[count - 1].writes.some(({ offset }) => offset < HEADER - SLOT)) continue;
    const opened = keysOf(imageAfter(file, records.slice(0, count), records[0].baseLength).read(0, HEADER));
    if (!opened) continue;
    if (uid && !uid.equals(opened.uid)) refuse('record: makes another document');
    uid = opened.uid;
    for (const { n, key } of opened.dataKeys) {
      if (keys.has(n) && !keys.get(n).equals(key)) refuse('record: changes a data key');
      keys.set(n, key);
    }
  }
  if (!uid) refuse('no header opens');

  records.forEach((record, index) => {
    const before = records[index - 1];
    if (record.previous !== (before?.position ?? 0)) refuse('record: previous');
    if (before && record.baseLength !== before.newLength) refuse('record: base length');
    if (before && record.position < before.end) refuse('record: position');
    const key = keys.get(record.keyNumber) ?? refuse('record: unknown data key');
    unseal(deriveKey(key, uid, 'record'), Buffer.concat([uid, record.authenticated]),
      { nonce: record.nonce, sealed: Buffer.alloc(0), tag: record.tag }, 'record');
    if (!followsTrailer(file, records, index)) refuse('record: follows another state');
  });
}

/**
 * Whether the trailer that a record follows is what the records before it make. Where they wrote nothing the file shows through, and there an
 * interrupted apply may have put the writes of this and later records already, sector by sector.
 */
function followsTrailer(file, records, index) {
  const { baseLength, followed } = records[index];
  const start = baseLength - TRAILER;
  const earlier = writesOf(records.slice(0, index));
  const later = writesOf(records.slice(index));
  const found = new Image(file, earlier, baseLength).read(start, TRAILER);
  const within = (write) => write.offset < baseLength && write.offset + write.bytes.length > start;
  const original = { length: baseLength, read: (offset, length) => followed.subarray(offset - start, offset - start + length) };
  const unchanged = earlier.filter(within).map((write) => {
    const offset = Math.max(start, write.offset);
    return { offset, bytes: original.read(offset, write.offset + write.bytes.length - offset) };
  });
  const overwriting = later.filter(within);
  const allowed = [followed, ...overwriting.map((_, index) => (
    new Image(original, [...overwriting.slice(0, index + 1), ...unchanged], baseLength).read(start, TRAILER)))];
  for (let from = 0; from < TRAILER;) {
    const to = Math.min(TRAILER, from + SECTOR - ((start + from) % SECTOR));
    if (!allowed.some((state) => state.subarray(from, to).equals(found.subarray(from, to)))) return false;
    from = to;
  }
  return true;
}

/** The good records that stand behind a document of this length, found without a footer. */
export function recordsBehind(buffer, file, baseLength, keysOf) {
  let records = [];
  for (let position = baseLength; (position = buffer.indexOf(RECORD_TEXT, position)) >= 0;) {
    try {
      const more = [...records, readRecord(file, position)];
      if (more[0].baseLength !== baseLength) refuse('record: base length');
      checkChain(file, more, keysOf);
      records = more;
      position = more.at(-1).end;
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
    u32(writes.length), followed, ...writes.flatMap(({ offset, bytes }) => [u64(offset), u32(bytes.length), bytes]),
  ]);
  const { nonce, tag } = seal(deriveKey(dataKey.key, uid, 'record'), Buffer.concat([uid, authenticated]), Buffer.alloc(0));
  return Buffer.concat([RECORD_TEXT, u64(authenticated.length + AUTHENTICATION), authenticated, nonce, tag, Buffer.from('}')]);
}

/** Zeros and footer behind a file that ends with this record. */
export function withFooter(file, record) {
  let zeros = 0;
  while (sizeOf(file.length + zeros + FOOTER) !== null) zeros++;
  return Buffer.concat([
    file, Buffer.alloc(zeros), FOOTER_TEXT, u64(record.position), u64(record.newLength), u64(record.newSize),
  ]);
}
