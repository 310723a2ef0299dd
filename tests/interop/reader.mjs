// Opening a document and reading from it.

import { bufferSource, isZero, refuse } from './bytes.mjs';
import { laidOut } from './encodings.mjs';
import { BLOCK, GROUP, Geometry, HEADER, TRAILER, sizeOf, storedLength } from './geometry.mjs';
import { checkDataKeys, checkHeader, headerObject, openHeader } from './header.mjs';
import { Image, checkChain, imageAfter, recordsBehind, recordsByFooter } from './records.mjs';
import { BlockCipher, HOLE, TreeReader, tableEntry } from './tree.mjs';
import { TRAILER_TEXT, parseTrailer, verifyTrailer } from './trailer.mjs';

/** What a header is opened to: the wrapper, or just the data keys when the caller has them. */
export function openKeys(header, { labelKeys = [], dataKeys }) {
  return dataKeys ? { dataKeys: checkDataKeys(dataKeys) } : openHeader(header, labelKeys);
}

/** One verified state of a document. Blocks are verified when they are read. */
export class Document {
  #tree;
  #ciphers;

  constructor(image, options) {
    this.image = image;
    this.size = sizeOf(image.length) ?? refuse('no size has this length');
    this.geometry = new Geometry(this.size);
    this.header = checkHeader(headerObject(image.read(0, HEADER)) ?? refuse('header: not as it must stand in the file'));
    Object.assign(this, openKeys(this.header, options));
    this.trailerBytes = image.read(image.length - TRAILER, TRAILER);
    this.trailer = verifyTrailer(this.trailerBytes, this.header, this.size, this.dataKeys, options);
    if (this.size === 0 && !isZero(this.trailer.root)) refuse('trailer: root of an empty document');
    this.#tree = new TreeReader(image, this.geometry, this.trailer.root);
    this.#ciphers = new Map(this.dataKeys.map((dataKey) => [dataKey.n, new BlockCipher(this.header.uid, dataKey)]));
    this.records = [];
  }

  get author() { return this.trailer.author?.subject ?? null; }

  /** The verified table of a group, or null when it has only holes. */
  table(group) { return this.#tree.table(group); }

  /** The table entry of a block; HOLE when it is one. */
  entry(block) {
    const table = this.table(Math.floor(block / GROUP));
    return table ? tableEntry(table, block % GROUP) : HOLE;
  }

  readBlock(block) {
    if (!(block >= 0 && block < this.geometry.blocks)) refuse('no such block');
    const length = this.geometry.blockLength(block);
    const entry = this.entry(block);
    if (entry.equals(HOLE)) return Buffer.alloc(length);
    const number = this.table(Math.floor(block / GROUP)).readUInt32BE();
    const cipher = this.#ciphers.get(number) ?? refuse(`table: unknown data key ${number}`);
    return cipher.open(block, entry, this.image.read(this.geometry.blockOffset(block), length));
  }

  read(offset, length) {
    const end = Math.min(offset + length, this.size);
    const parts = [];
    for (let block = Math.floor(offset / BLOCK); block * BLOCK < end; block++) {
      parts.push(this.readBlock(block).subarray(Math.max(0, offset - block * BLOCK), end - block * BLOCK));
    }
    return Buffer.concat(parts);
  }

  content() { return this.read(0, this.size); }
}

/** What a file of length 0 is. */
const emptyDocument = () => ({
  size: 0, author: null, header: null, records: [], content: () => Buffer.alloc(0), read: () => Buffer.alloc(0),
  readBlock: () => refuse('no such block'),
});

/**
 * Opens a buffer or a source. Options:
 *   labelKeys  private keys of labels, JWKs; or dataKeys, [{k, n}] as in the wrapper
 *   masters    public master keys of the labels, JWKs
 *   anyone     whether the labels let unknown authors write
 *   now        the time for which credentials must hold, seconds since 1970
 */
export function open(input, options) {
  const file = Buffer.isBuffer(input) ? bufferSource(input) : input;
  if (file.length === 0) return emptyDocument();
  const plain = sizeOf(file.length) !== null;
  try {
    if (plain) return new Document(new Image(file, [], file.length), options);
    return openWithRecords(file, recordsByFooter(file), options);
  } catch (error) {
    // An interrupted commit, or another encoding. If it is neither, the first refusal tells more.
    const buffer = file.read(0, file.length);
    const found = headerObject(buffer) ? lastGoodState(buffer, options) : otherEncoding(buffer, options);
    if (!found) throw error;
    return found;
  }
}

function keysOpener(options) {
  return (region) => {
    try {
      const header = checkHeader(headerObject(region));
      return { uid: header.uid, dataKeys: openKeys(header, options).dataKeys };
    } catch {
      return null;
    }
  };
}

function openWithRecords(file, records, options) {
  checkChain(file, records, keysOpener(options));
  return Object.assign(new Document(imageAfter(file, records), options), { records });
}

/**
 * Looks for the last state whose every byte verifies. That the trailer unseals is not enough: a commit that makes the document longer puts its
 * trailer in place before its record is complete.
 */
function lastGoodState(buffer, options) {
  const file = bufferSource(buffer);
  for (let at = buffer.length; (at = buffer.lastIndexOf(TRAILER_TEXT, at)) >= HEADER; at--) {
    const length = at + TRAILER;
    try {
      if (storedLength(parseTrailer(buffer.subarray(at, length)).size) !== length) continue;
      const base = new Document(new Image(file, [], length), options);
      base.content();
      const records = recordsBehind(buffer, file, length, keysOpener(options));
      const found = records.length ? openWithRecords(file, records, options) : base;
      return Object.assign(found, { leftOver: true });
    } catch {
      // Not this one.
    }
  }
  return null;
}

function otherEncoding(buffer, options) {
  let file;
  try {
    file = laidOut(buffer);
  } catch {
    return null;
  }
  const document = new Document(new Image(bufferSource(file), [], file.length), options);
  return Object.assign(document, { otherEncoding: true });
}
