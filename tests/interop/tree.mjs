// 3.2, 3.3: blocks, tables and the tree over them.

import { deriveKey, isZero, refuse, seal, sha256, u32, u64, unseal } from './bytes.mjs';
import { ENTRY, GROUP, HASH } from './geometry.mjs';

export const ZERO_HASH = Buffer.alloc(HASH);
export const HOLE = Buffer.alloc(ENTRY);

const blockDigest = (uid, number, nonce, tag, sealed) => sha256(uid, u64(number), nonce, tag, sealed).subarray(0, 12);

/** Seals and opens the blocks of one document under one data key. */
export class BlockCipher {
  constructor(uid, dataKey) {
    this.uid = uid;
    this.number = dataKey.n;
    this.key = deriveKey(dataKey.key, uid, 'block');
  }

  seal(block, plain) {
    const { nonce, sealed, tag } = seal(this.key, Buffer.concat([this.uid, u64(block)]), plain);
    return { entry: Buffer.concat([nonce, tag, blockDigest(this.uid, block, nonce, tag, sealed)]), bytes: sealed };
  }

  open(block, entry, sealed) {
    const nonce = entry.subarray(0, 12);
    const tag = entry.subarray(12, 28);
    if (!blockDigest(this.uid, block, nonce, tag, sealed).equals(entry.subarray(28))) refuse(`block ${block}: digest`);
    return unseal(this.key, Buffer.concat([this.uid, u64(block)]), { nonce, sealed, tag }, `block ${block}`);
  }
}

export const hole = (length) => ({ entry: HOLE, bytes: Buffer.alloc(length) });

/** A table; nothing but zeros when it has only holes. */
export const makeTable = (keyNumber, entries) => Buffer.concat([u32(entries.every(isZero) ? 0 : keyNumber), ...entries]);
export const tableEntry = (table, index) => table.subarray(4 + ENTRY * index, 4 + ENTRY * (index + 1));

export const hashTable = (group, table) => (isZero(table.subarray(4))
  ? ZERO_HASH : sha256(Buffer.from([0]), u64(group), table));
export const hashIndex = (level, number, block) => (isZero(block)
  ? ZERO_HASH : sha256(Buffer.from([1, level]), u64(number), block));

/** Collects the hashes of tables in order, and gives the index blocks at the places where they stand. */
export class TreeBuilder {
  #pending = [[]];
  #counts = [0];
  root = ZERO_HASH;

  /** Returns the index blocks that stand behind the table with this hash. */
  add(hash, last) {
    const blocks = [];
    this.#push(0, hash, blocks);
    if (last) this.#finish(blocks);
    return Buffer.concat(blocks);
  }

  #push(level, hash, blocks) {
    (this.#pending[level] ??= []).push(hash);
    this.#counts[level] = (this.#counts[level] ?? 0) + 1;
    if (this.#pending[level].length === GROUP) this.#flush(level, blocks);
  }

  #flush(level, blocks) {
    const block = Buffer.concat(this.#pending[level]);
    this.#pending[level] = [];
    blocks.push(block);
    this.#push(level + 1, hashIndex(level + 1, this.#counts[level + 1] ?? 0, block), blocks);
  }

  #finish(blocks) {
    let level = 0;
    for (; this.#counts[level] > 1; level++) if (this.#pending[level].length) this.#flush(level, blocks);
    [this.root] = this.#pending[level];
  }
}

/** Reads the tree of a document from the root down; nothing is used before it has been verified. */
export class TreeReader {
  #known = new Map();

  constructor(image, geometry, root) {
    Object.assign(this, { image, geometry, root });
  }

  /** The table of a group; null if all its blocks are holes. */
  table(group) {
    const { geometry } = this;
    return this.#node(0, group, geometry.tableOffset(group), geometry.tableLength(group), (bytes) => hashTable(group, bytes));
  }

  #index(level, number) {
    const { geometry } = this;
    return this.#node(level, number, geometry.indexOffset(level, number), geometry.indexLength(level, number),
      (bytes) => hashIndex(level, number, bytes));
  }

  #node(level, number, offset, length, hash) {
    const name = `${level}.${number}`;
    if (!this.#known.has(name)) {
      const expected = this.#expected(level, number);
      const bytes = isZero(expected) ? null : this.image.read(offset, length);
      if (bytes && !hash(bytes).equals(expected)) refuse(level ? `index block ${name}: hash` : `table ${number}: hash`);
      this.#known.set(name, bytes);
    }
    return this.#known.get(name);
  }

  #expected(level, number) {
    if (level === this.geometry.top) return this.root;
    const parent = this.#index(level + 1, Math.floor(number / GROUP));
    return parent ? parent.subarray(HASH * (number % GROUP), HASH * (number % GROUP + 1)) : ZERO_HASH;
  }
}
