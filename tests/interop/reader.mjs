// Opening a document and reading from it.

import { bufferSource, refuse } from './bytes.mjs';
import { laidOut } from './encodings.mjs';
import { BLOCK, GROUP, Geometry, HEADER, TRAILER, sizeOf, storedLength } from './geometry.mjs';
import { checkDataKeys, checkHeader, headerObject, openHeader } from './header.mjs';
import { Image, checkChain, readFooter, recordsBehind, recordsByFooter } from './records.mjs';
import { BlockCipher, HOLE, TreeReader, tableEntry } from './tree.mjs';
import { TRAILER_TEXT, openTrailer, parseTrailer, verifySignatures } from './trailer.mjs';

/** What a header is opened to: the wrapper, or just the data keys when the caller has them. */
export function openKeys(header, { labelKeys = [], dataKeys }) {
  return dataKeys ? { dataKeys: checkDataKeys(dataKeys) } : openHeader(header, labelKeys);
}

/** Opens the first bytes of states: header, data keys, name and type. Each header is opened once, however many states have it. */
function headerOpener(options) {
  const opened = new Map();
  return (region) => {
    const object = headerObject(region) ?? refuse('header: not as it must stand in the file');
    const text = region.toString('latin1');
    if (!opened.has(text)) {
      const header = checkHeader(object);
      opened.set(text, { header, ...openKeys(header, options) });
    }
    return opened.get(text);
  };
}

/** One state of a document. The trailer is unsealed here, its signatures are verified by `verify`, and blocks when they are read. */
export class Document {
  #tree;
  #ciphers;

  constructor(image, openRegion) {
    this.image = image;
    this.size = sizeOf(image.length) ?? refuse('no size has this length');
    this.geometry = new Geometry(this.size);
    Object.assign(this, openRegion(image.read(0, HEADER)));
    this.trailerBytes = image.read(image.length - TRAILER, TRAILER);
    this.trailer = openTrailer(this.trailerBytes, this.header, this.size, this.dataKeys);
    this.#tree = new TreeReader(image, this.geometry, this.trailer.root);
    this.#ciphers = new Map(this.dataKeys.map((dataKey) => [dataKey.n, new BlockCipher(this.header.uid, dataKey)]));
    this.records = [];
  }

  verify(options) {
    verifySignatures(this.trailer, this.header, options);
    return this;
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
 * Opens a buffer or a source. Options: those of verifySignatures, and
 *   labelKeys  private keys of labels, JWKs; or dataKeys, [{k, n}] as in the wrapper
 */
export function open(input, options) {
  const file = Buffer.isBuffer(input) ? bufferSource(input) : input;
  if (file.length === 0) return emptyDocument();
  const openRegion = headerOpener(options);
  const refusals = [];
  for (const find of [plainState, stateByFooter, recoveredState, otherEncoding]) {
    try {
      return find(file, openRegion).verify(options);
    } catch (error) {
      refusals.push(error);
    }
  }
  const [plain, records, , encoded] = refusals;
  if (!headerObject(file.read(0, HEADER))) throw encoded;
  throw sizeOf(file.length) === null ? records : plain;
}

const plainState = (file, openRegion) => new Document(new Image(file, [], file.length), openRegion);

function stateByFooter(file, openRegion) {
  const { position, newLength, newSize } = readFooter(file);
  if (position) return stateAfter(file, recordsByFooter(file), openRegion);
  if (!newLength) refuse('its creation did not finish');
  if (newLength > file.length || sizeOf(newLength) !== newSize) refuse('footer: length and size');
  return Object.assign(new Document(new Image(file, [], newLength), openRegion), { leftOver: true });
}

/** The state that a chain of records makes. */
function stateAfter(file, records, openRegion) {
  const { image, interrupted } = checkChain(file, records, openRegion);
  return Object.assign(new Document(image, openRegion), { records, interrupted });
}

/** The state that the longest good part of a chain of records makes, or the base state. */
function lastState(file, baseLength, records, openRegion) {
  for (let count = records.length; count > 0; count--) {
    try {
      return stateAfter(file, records.slice(0, count), openRegion);
    } catch {
      // One record less may do.
    }
  }
  return new Document(new Image(file, [], baseLength), openRegion);
}

/** Looks for a document from the end backwards, and for records behind it. */
function recoveredState(file, openRegion) {
  const buffer = file.read(0, file.length);
  for (let at = buffer.length; (at = buffer.lastIndexOf(TRAILER_TEXT, at)) >= HEADER; at--) {
    const length = at + TRAILER;
    try {
      if (storedLength(parseTrailer(buffer.subarray(at, length)).size) !== length) continue;
      new Document(new Image(file, [], length), openRegion);
    } catch {
      continue;
    }
    return Object.assign(lastState(file, length, recordsBehind(buffer, length), openRegion), { leftOver: true });
  }
  return refuse('no good state');
}

function otherEncoding(file, openRegion) {
  if (headerObject(file.read(0, HEADER))) refuse('not another encoding');
  const document = bufferSource(laidOut(file.read(0, file.length)));
  return Object.assign(plainState(document, openRegion), { otherEncoding: true });
}
