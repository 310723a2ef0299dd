// 3.1: where everything stands in a document of a given size.

export const HEADER = 2304;
export const BLOCK = 4096;
export const GROUP = 128;
export const ENTRY = 40;
export const SLOT = 9;
export const TRAILER = 656;
export const HASH = 32;

const GROUP_CONTENT = GROUP * BLOCK;
const FULL_TABLE = 4 + GROUP * ENTRY;
const FULL_INDEX = GROUP * HASH;

/** P(g): where the blocks of group g start. */
export function groupStart(group) {
  let indexBlocks = 0;
  for (let whole = Math.floor(group / GROUP); whole > 0; whole = Math.floor(whole / GROUP)) indexBlocks += whole;
  return HEADER + group * (GROUP_CONTENT + FULL_TABLE + SLOT) + FULL_INDEX * indexBlocks;
}

export const slotOffset = (group) => groupStart(group) - SLOT;

export class Geometry {
  constructor(size) {
    this.size = size;
    this.blocks = Math.ceil(size / BLOCK);
    this.groups = Math.ceil(this.blocks / GROUP);
    /** levels[0] counts the tables, levels[l] the index blocks of level l; the last one is 1. */
    this.levels = [this.groups];
    while (this.levels.at(-1) > 1) this.levels.push(Math.ceil(this.levels.at(-1) / GROUP));
    this.top = this.levels.length - 1;
    this.dataEnd = HEADER;
    if (this.groups > 0) {
      const last = this.groups - 1;
      this.dataEnd = this.tableOffset(last) + this.tableLength(last);
      for (let level = 1; level <= this.top; level++) this.dataEnd += this.indexLength(level, this.levels[level] - 1);
    }
    this.dataLength = this.dataEnd - HEADER;
    this.stored = this.dataEnd + TRAILER;
  }

  blockLength(block) { return Math.min(BLOCK, this.size - block * BLOCK); }
  blockOffset(block) { return groupStart(Math.floor(block / GROUP)) + (block % GROUP) * BLOCK; }
  groupBlocks(group) { return Math.min(GROUP, this.blocks - group * GROUP); }
  tableOffset(group) { return groupStart(group) + Math.min(GROUP_CONTENT, this.size - group * GROUP_CONTENT); }
  tableLength(group) { return 4 + ENTRY * this.groupBlocks(group); }
  indexLength(level, number) { return HASH * Math.min(GROUP, this.levels[level - 1] - number * GROUP); }

  /** Where the chunk of a group ends: with its table, and the index blocks behind it. */
  groupEnd(group) { return group === this.groups - 1 ? this.dataEnd : slotOffset(group + 1); }

  indexOffset(level, number) {
    const last = Math.min((number + 1) * GROUP ** level, this.groups) - 1;
    let offset = this.tableOffset(last) + this.tableLength(last);
    // The index blocks of lower levels that end with the same group stand before this one.
    for (let lower = 1; lower < level; lower++) offset += this.indexLength(lower, Math.floor(last / GROUP ** lower));
    return offset;
  }
}

export const storedLength = (size) => new Geometry(size).stored;

/** The size whose stored length this is; null if there is none. */
export function sizeOf(stored) {
  let low = 0;
  let high = stored;
  while (low < high) {
    const middle = low + Math.ceil((high - low) / 2);
    if (storedLength(middle) <= stored) low = middle; else high = middle - 1;
  }
  return storedLength(low) === stored ? low : null;
}
