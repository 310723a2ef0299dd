// 8: documents as streams, a group at a time.

import { randomBytes } from 'node:crypto';
import { readU64, refuse } from './bytes.mjs';
import { BLOCK, ENTRY, GROUP, Geometry, HEADER, SLOT, TRAILER, groupStart, sizeOf } from './geometry.mjs';
import { checkHeader, headerObject, headerRegion, makeHeader } from './header.mjs';
import { openKeys } from './reader.mjs';
import { BlockCipher, HOLE, TreeBuilder, ZERO_HASH, hashTable, tableEntry } from './tree.mjs';
import { makeTrailer, openTrailer, verifySignatures } from './trailer.mjs';
import { authorEntries, chunk, dataKeysFor, lastChunk, storedGroup } from './writer.mjs';

const GROUP_CONTENT = GROUP * BLOCK;

/** Takes exact lengths from an (async) iterable of buffers. */
class Pull {
  #parts;
  #have = Buffer.alloc(0);

  constructor(source) {
    this.#parts = source[Symbol.asyncIterator]?.() ?? source[Symbol.iterator]();
  }

  /** Up to `length` bytes; fewer only at the end. */
  async upTo(length) {
    const parts = [this.#have];
    let total = this.#have.length;
    while (total < length) {
      const { done, value } = await this.#parts.next();
      if (done) break;
      parts.push(value);
      total += value.length;
    }
    const all = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    this.#have = all.subarray(length);
    return all.subarray(0, length);
  }

  async take(length) {
    const bytes = await this.upTo(length);
    return bytes.length === length ? bytes : refuse('the stream ends too early');
  }
}

/** Encrypts a stream. Options as for compose. */
export async function* encryptStream(source, options) {
  const input = new Pull(source);
  const uid = options.uid ?? randomBytes(16);
  const dataKeys = dataKeysFor(options);
  const header = makeHeader({ ...options, uid, dataKeys });
  const cipher = new BlockCipher(uid, dataKeys.at(-1));
  const tree = new TreeBuilder();
  yield headerRegion(header, Buffer.alloc(SLOT)).subarray(0, HEADER - SLOT);

  let size = 0;
  let writes = 0;
  let content = await input.upTo(GROUP_CONTENT);
  if (!content.length) yield lastChunk(0);
  for (let group = 0; content.length; group++) {
    // Whether a group is the last is known only when there is nothing behind it.
    const following = await input.upTo(GROUP_CONTENT);
    const blocks = [];
    for (let offset = 0; offset < content.length; offset += BLOCK) {
      blocks.push(cipher.seal(group * GROUP + blocks.length, content.subarray(offset, offset + BLOCK)));
    }
    const stored = storedGroup(tree, group, !following.length, cipher.number, blocks);
    yield following.length ? chunk(stored.length) : lastChunk(stored.length);
    yield stored;
    size += content.length;
    writes += blocks.length;
    content = following;
  }
  const fields = { generation: 1, size, writes, root: tree.root, attributes: ZERO_HASH, headerDigest: header.digest };
  yield makeTrailer(uid, dataKeys.at(-1), fields, authorEntries(uid, fields, options));
}

/** Decrypts a stream: yields content group by group, and throws at the end if the document is not good. Returns header, size, name and trailer. */
export async function* decryptStream(source, options) {
  const input = new Pull(source);
  const region = await input.take(HEADER);
  const header = checkHeader(headerObject(region) ?? refuse('header: not as it must stand in the file'));
  const { dataKeys, name, type } = openKeys(header, options);
  const ciphers = new Map(dataKeys.map((dataKey) => [dataKey.n, new BlockCipher(header.uid, dataKey)]));
  const tree = new TreeBuilder();

  let frame = framing(region.subarray(HEADER - SLOT));
  let geometry = null;
  for (let group = 0; !geometry || group < geometry.groups; group++) {
    if (group && !geometry) frame = framing(await input.take(SLOT));
    else if (group) await input.take(SLOT);
    if (frame.last && !geometry) {
      geometry = lastGeometry(group, frame.length);
      if (!geometry.groups) break;
    }
    const length = (geometry?.groupEnd(group) ?? groupStart(group + 1) - SLOT) - groupStart(group);
    if (!geometry && frame.length !== length) refuse('a chunk that is not one group');
    const stored = await input.take(length);
    const contentLength = Math.min(GROUP_CONTENT, (geometry?.size ?? Infinity) - group * GROUP_CONTENT);
    const tableLength = 4 + ENTRY * Math.ceil(contentLength / BLOCK);
    const table = stored.subarray(contentLength, contentLength + tableLength);
    yield openGroup(ciphers, group, stored.subarray(0, contentLength), table);
    tree.add(hashTable(group, table), group + 1 === geometry?.groups);
  }

  const trailer = openTrailer(await input.take(TRAILER), header, geometry.size, dataKeys);
  verifySignatures(trailer, header, options);
  if (!trailer.root.equals(tree.root)) refuse('trailer: root');
  if ((await input.upTo(1)).length) refuse('bytes behind the document');
  return { header, size: geometry.size, name, type, trailer, author: trailer.author?.subject ?? null };
}

function framing(slot) {
  if (slot[0] !== 0x8f && slot[0] !== 0x8b) refuse('a slot that starts no chunk');
  return { last: slot[0] === 0x8b, length: readU64(slot, 1) };
}

/** The geometry of a document whose last chunk starts with this group. Chunk 0 may hold all groups, another holds one. */
function lastGeometry(group, length) {
  const geometry = new Geometry(sizeOf(groupStart(group) + length + TRAILER) ?? refuse('no size has this length'));
  if (group && geometry.groups !== group + 1) refuse('a last chunk that is not one group');
  return geometry;
}

function openGroup(ciphers, group, stored, table) {
  const parts = [];
  for (let index = 0; index * BLOCK < stored.length; index++) {
    const bytes = stored.subarray(index * BLOCK, index * BLOCK + BLOCK);
    const entry = tableEntry(table, index);
    if (entry.equals(HOLE)) parts.push(Buffer.alloc(bytes.length));
    else {
      const cipher = ciphers.get(table.readUInt32BE()) ?? refuse('table: unknown data key');
      parts.push(cipher.open(group * GROUP + index, entry, bytes));
    }
  }
  return Buffer.concat(parts);
}
