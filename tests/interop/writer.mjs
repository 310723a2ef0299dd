// Making documents, and commit records behind them.

import { randomBytes } from 'node:crypto';
import { isZero, refuse, u64 } from './bytes.mjs';
import { BLOCK, GROUP, Geometry, HEADER, SLOT, TRAILER, groupStart, slotOffset } from './geometry.mjs';
import { checkDataKeys, headerRegion, makeHeader } from './header.mjs';
import { aheadFooter, applyWrites, asWrites, makeFooter, makeRecord, writeOf } from './records.mjs';
import { BlockCipher, HOLE, TreeBuilder, ZERO_HASH, hashTable, hole, makeTable } from './tree.mjs';
import { keptEntry, labelThatSigned, makeTrailer, signEntry } from './trailer.mjs';

export const chunk = (length) => Buffer.concat([Buffer.from([0x8f]), u64(length)]);
export const lastChunk = (length) => Buffer.concat([Buffer.from([0x8b]), u64(length)]);

/** A group as it is stored: blocks, table, and the index blocks behind it. */
export function storedGroup(tree, group, last, keyNumber, blocks) {
  const table = makeTable(keyNumber, blocks.map(({ entry }) => entry));
  return Buffer.concat([...blocks.map(({ bytes }) => bytes), table, tree.add(hashTable(group, table), last)]);
}

/** Data keys as options give them ([{k, n}]), or a fresh one. */
export const dataKeysFor = ({ dataKeys }) => (dataKeys ? checkDataKeys(dataKeys) : [{ n: 1, key: randomBytes(32) }]);

/** The entries of a trailer over content that `signer` wrote; without a device the author is unknown. */
export const authorEntries = (uid, fields, signer) => (signer.device ? [signEntry(1, uid, fields, signer)] : []);

/**
 * Makes a document. Options:
 *   label, labelKeys, services, name, type   see makeHeader
 *   layout             'random' (default) or 'stream'
 *   holes              whether blocks of zeros become holes
 *   device, credential the author's signature key (private JWK) and its credential; absent: unknown author
 *   uid, dataKeys      chosen at random when absent
 */
export function compose(content, options) {
  const uid = options.uid ?? randomBytes(16);
  const dataKeys = dataKeysFor(options);
  const header = makeHeader({ ...options, uid, dataKeys });
  const geometry = new Geometry(content.length);
  const cipher = new BlockCipher(uid, dataKeys.at(-1));
  const tree = new TreeBuilder();
  const file = Buffer.alloc(geometry.stored);
  let writes = 0;
  for (let group = 0; group < geometry.groups; group++) {
    const blocks = Array.from({ length: geometry.groupBlocks(group) }, (_, index) => {
      const block = group * GROUP + index;
      const plain = content.subarray(block * BLOCK, block * BLOCK + BLOCK);
      if (options.holes && isZero(plain)) return hole(plain.length);
      writes++;
      return cipher.seal(block, plain);
    });
    const last = group === geometry.groups - 1;
    storedGroup(tree, group, last, cipher.number, blocks).copy(file, groupStart(group));
    if (options.layout === 'stream') {
      const length = geometry.groupEnd(group) - groupStart(group);
      (last ? lastChunk(length) : chunk(length)).copy(file, slotOffset(group));
    }
  }
  const slot = options.layout === 'stream' && geometry.groups ? file.subarray(HEADER - SLOT, HEADER) : lastChunk(geometry.dataLength);
  headerRegion(header, slot).copy(file);
  const fields = {
    generation: 1, size: content.length, writes, root: tree.root, attributes: ZERO_HASH, headerDigest: header.digest,
  };
  makeTrailer(uid, dataKeys.at(-1), fields, authorEntries(uid, fields, options)).copy(file, geometry.dataEnd);
  return file;
}

/**
 * Changes a document that `open` gave, and returns its file with one more commit record. Changes:
 *   writes   [{offset, data}]
 *   size     the new size
 *   header   members of makeHeader's argument: wraps the header again
 *   newKey   adds a data key (with header)
 *   attributes  digest of the sealed attributes from now on
 *   rewrite  encrypts every block again, under the newest data key, and forgets the older ones (with header)
 * Options: device, credential, masters, as for compose and open; gap, bytes to leave in front of the first record.
 */
export function commit(buffer, document, changes, options) {
  const { file, ahead, writes } = commitWrites(buffer, document, changes, options);
  return written(file, [...ahead, ...writes]);
}

/**
 * What a commit writes to `file`: first what is written `ahead`, with a footer, which must be durable before the rest; then the record and its
 * footer, which may become durable in any order.
 */
export function commitWrites(buffer, document, changes, options) {
  if (document.otherEncoding || !document.header) refuse('this file is not modified in place');
  const next = nextState(document, changes, options);
  const { image: old } = document;
  let { records } = document;
  let file = goodPart(buffer, document);
  const groups = groupsBehind(next.geometry, old.length);
  const mustApply = next.image.length > records[0]?.position || document.interrupted || changes.rewrite || groups;
  if (records.length && mustApply) {
    file = applied(document);
    records = [];
  }

  const ahead = [];
  if (groups) {
    ahead.push(writeOf(groups.from, next.image.subarray(groups.from, groups.to)));
    ahead.push(writeOf(groups.to, aheadFooter(groups.to, { length: old.length, size: document.size })));
  }
  const behind = Math.max(file.length, next.image.length, ...ahead.map(({ offset, length }) => offset + length));
  const position = behind + (records.length ? 0 : options.gap ?? 0);
  const { from, to } = groups ?? { from: next.geometry.dataEnd, to: next.geometry.dataEnd };
  const record = {
    baseLength: old.length,
    position,
    previous: records.at(-1)?.position ?? 0,
    newLength: next.image.length,
    newSize: next.geometry.size,
    followed: document.trailerBytes,
    writes: [
      ...differences(old.read(0, Math.min(old.length, next.geometry.dataEnd)), next.image.subarray(0, from)),
      ...asWrites(to, next.image.subarray(to, next.geometry.dataEnd)),
      writeOf(next.geometry.dataEnd, next.image.subarray(next.geometry.dataEnd)),
    ],
  };
  const bytes = makeRecord(document.header.uid, document.dataKeys.at(-1), record);
  const end = position + bytes.length;
  return {
    file,
    ahead,
    writes: [writeOf(position, bytes), writeOf(end, makeFooter({ ...record, end }))],
  };
}

/** A file after writes. What was never written is zero. */
export function written(file, writes) {
  const result = Buffer.alloc(Math.max(file.length, ...writes.map(({ offset, bytes }) => offset + bytes.length)));
  file.copy(result);
  for (const { offset, bytes } of writes) bytes.copy(result, offset);
  return result;
}

/** The file without what an interrupted commit left behind the last good state. */
function goodPart(buffer, { leftOver, records, image }) {
  if (!leftOver) return buffer;
  const last = records.at(-1);
  return last ? Buffer.concat([buffer.subarray(0, last.end), makeFooter(last)]) : buffer.subarray(0, image.length);
}

/** Where the whole groups stand, with their slots and the full index blocks behind them, that lie behind an offset; null if there are none. */
function groupsBehind(geometry, offset) {
  let range = null;
  for (let group = 1; (group + 1) * GROUP * BLOCK <= geometry.size; group++) {
    if (slotOffset(group) < offset) continue;
    range ??= { from: slotOffset(group) };
    range.to = group + 1 < geometry.groups ? slotOffset(group + 1) : geometry.tableOffset(group) + geometry.tableLength(group);
  }
  return range;
}

/** Ranges in which the new state differs from the old one, or lies behind it. */
function differences(old, next) {
  const GAP = 32;
  const ranges = [];
  for (let at = 0; at < next.length; at++) {
    if (at < old.length && old[at] === next[at]) continue;
    const last = ranges.at(-1);
    if (last && at - last.end < GAP) last.end = at + 1; else ranges.push({ start: at, end: at + 1 });
  }
  return ranges.flatMap(({ start, end }) => asWrites(start, next.subarray(start, end)));
}

function nextState(document, changes, options) {
  const { geometry: before, image: old, trailer } = document;
  const { uid } = document.header;
  const edits = changes.writes ?? [];
  const size = changes.size ?? Math.max(document.size, ...edits.map(({ offset, data }) => offset + data.length));
  const after = new Geometry(size);
  const { header, dataKeys } = nextHeader(document, changes);
  const newest = dataKeys.at(-1);
  const cipher = new BlockCipher(uid, newest);
  const image = Buffer.alloc(after.stored);
  old.read(0, Math.min(old.length, after.stored) - TRAILER).copy(image);

  let sealed = 0;
  const newBlock = (block, rewrite) => {
    const start = block * BLOCK;
    const length = after.blockLength(block);
    const existed = block < before.blocks;
    const wasHole = !existed || document.entry(block).equals(HOLE);
    const touching = edits.filter(({ offset, data }) => offset < start + length && offset + data.length > start);
    if (!touching.length && wasHole) return hole(length);
    if (!touching.length && !rewrite && before.blockLength(block) === length) {
      return { entry: document.entry(block), bytes: old.read(before.blockOffset(block), length) };
    }
    const plain = Buffer.alloc(length);
    if (existed) document.readBlock(block).copy(plain);
    for (const { offset, data } of touching) data.copy(plain, Math.max(0, offset - start), Math.max(0, start - offset));
    sealed++;
    return cipher.seal(block, plain);
  };

  const tree = new TreeBuilder();
  for (let group = 0; group < after.groups; group++) {
    const blocks = Array.from({ length: after.groupBlocks(group) }, (_, index) => group * GROUP + index);
    const oldNumber = group < before.groups ? document.table(group)?.readUInt32BE() ?? newest.n : newest.n;
    const touched = blocks.some((block) => block >= before.blocks || before.blockLength(block) !== after.blockLength(block)
      || edits.some(({ offset, data }) => offset < (block + 1) * BLOCK && offset + data.length > block * BLOCK));
    // All blocks of a group are under one key: touching one under an older key means all.
    const rewrite = changes.rewrite || (touched && oldNumber !== newest.n);
    const number = touched || rewrite ? newest.n : oldNumber;
    const stored = blocks.map((block) => newBlock(block, rewrite));
    storedGroup(tree, group, group === after.groups - 1, number, stored).copy(image, groupStart(group));
    // A slot where content stood before.
    if (group >= before.groups && group > 0) image.fill(0, slotOffset(group), groupStart(group));
  }

  const slot = size === document.size ? image.subarray(HEADER - SLOT, HEADER) : lastChunk(after.dataLength);
  headerRegion(header, Buffer.from(slot)).copy(image);
  const writes = sealed + (newest.n === trailer.keyNumber ? trailer.writes : 0);
  const fields = {
    generation: trailer.generation + 1,
    size,
    writes,
    root: tree.root,
    attributes: changes.attributes ?? trailer.attributes,
    headerDigest: header.digest,
  };
  const sameContent = size === document.size && tree.root.equals(trailer.root) && !changes.attributes;
  const entries = sameContent && header !== document.header
    ? wrapperEntries(document, header, fields, options) : authorEntries(uid, fields, options);
  makeTrailer(uid, newest, fields, entries).copy(image, after.dataEnd);
  return { image, geometry: after };
}

function nextHeader(document, { header, newKey, rewrite }) {
  if (!header) return { header: document.header, dataKeys: document.dataKeys };
  const { label, services, uid } = document.header;
  let { dataKeys } = document;
  if (newKey && rewrite) refuse('the key of the record must be in the new header');
  if (newKey) dataKeys = [...dataKeys, { n: dataKeys.at(-1).n + 1, key: randomBytes(32) }];
  if (rewrite) dataKeys = dataKeys.slice(-1);
  return { header: makeHeader({ label, services, name: document.name, type: document.type, ...header, uid, dataKeys }), dataKeys };
}

/** The author's entry as it was, and the signature of who wraps the header now. */
function wrapperEntries(document, header, fields, options) {
  const [author] = document.trailer.entries;
  if (!author) return [];
  // The author's credential may be of a label that the document no longer has.
  if (labelThatSigned(author.credential, header, options) === undefined) return authorEntries(header.uid, fields, options);
  return [keptEntry(author, document.trailer), signEntry(3, header.uid, fields, options)];
}

/** The document without its records. */
export function applied(document) {
  const { image, records } = document;
  const plain = image.read(0, image.length);
  return records.length ? written(plain, applyWrites(document)).subarray(0, image.length) : plain;
}
