// 7: the same list as pure JSON, or as any text of JSON-B or JSON-C (draft-hallambaker-jsonbcd).

import { Cursor, b64, canonical, members, orRefuse, refuse, unb64, utf8 } from './bytes.mjs';
import { Geometry, HEADER, SLOT, TRAILER, groupStart } from './geometry.mjs';
import { checkHeader, headerRegion } from './header.mjs';
import { TRAILER_TEXT, parseTrailer } from './trailer.mjs';

const DEPTH = 64;
const EXPANSION = 16;
const LEAST_EXPANSION = 65536;
const MOST_INTEGER = 2n ** 64n - 1n;
const code = (text) => text.charCodeAt(0);

/** Parses one JSON, JSON-B or JSON-C value. Byte strings become buffers. */
export function parseValue(bytes) {
  const parser = new Parser(bytes);
  parser.space();
  const value = parser.value(0);
  parser.space();
  if (parser.cursor.offset !== bytes.length) refuse('bytes behind the value');
  return value;
}

class Parser {
  #tags = new Map();
  #expanded = 0;

  constructor(bytes) {
    this.cursor = new Cursor(bytes);
  }

  peek() { return this.cursor.bytes[this.cursor.offset] ?? refuse('truncated'); }
  next(text) { return this.peek() === code(text) && (this.cursor.offset += 1); }

  space() {
    const { bytes } = this.cursor;
    while ([0x20, 0x09, 0x0a, 0x0d].includes(bytes[this.cursor.offset])) this.cursor.offset++;
  }

  value(depth) {
    this.definitions();
    const first = this.peek();
    if (depth === DEPTH && (first === code('[') || first === code('{'))) refuse('nested too deeply');
    if (first === code('[')) return this.array(depth + 1);
    if (first === code('{')) return this.object(depth + 1);
    return first < 0x80 ? this.text() : this.binary();
  }

  array(depth) {
    this.cursor.u8();
    const list = [];
    this.items(']', () => list.push(this.value(depth)));
    return list;
  }

  object(depth) {
    this.cursor.u8();
    const object = {};
    this.items('}', () => {
      const name = this.name();
      if (Object.hasOwn(object, name) || name === '__proto__') refuse('a member occurs twice');
      object[name] = this.value(depth);
    });
    return object;
  }

  /** Items up to the closing bracket. No comma is needed beside a binary item, nor behind a bracket once there was a binary code. */
  items(close, item) {
    this.space();
    while (!this.next(close)) {
      item();
      const mayLackComma = this.endedBinary;
      this.space();
      if (this.peek() === code(close)) continue;
      const comma = this.next(',');
      this.space();
      if (!comma && !mayLackComma && this.peek() < 0x80) refuse('comma expected');
      if (comma && this.peek() === code(close)) refuse('comma in front of a bracket');
    }
    this.endedBinary = this.seenBinary;
  }

  name() {
    this.definitions();
    const binary = this.peek() >= 0x80;
    const name = binary ? this.binary() : this.text();
    if (typeof name !== 'string') refuse('name expected');
    this.space();
    const colon = this.next(':');
    this.space();
    if (!colon && !binary) refuse('colon expected');
    return name;
  }

  /** A JSON string, number or word. */
  text() {
    this.endedBinary = false;
    const { bytes, offset } = this.cursor;
    let end = offset + 1;
    if (bytes[offset] === code('"')) {
      while (end < bytes.length && bytes[end] !== code('"')) end += bytes[end] === code('\\') ? 2 : 1;
      end++;
    } else {
      while (/[-+.a-zA-Z0-9]/.test(String.fromCharCode(bytes[end]))) end++;
    }
    const text = utf8(this.cursor.take(end - offset));
    return orRefuse('not JSON', () => JSON.parse(text));
  }

  length(width) {
    return [() => this.cursor.u8(), () => this.cursor.u16(), () => this.cursor.u32(), () => this.cursor.u64()][width]();
  }

  binary() {
    this.seenBinary = true;
    const value = this.binaryValue();
    this.endedBinary = true;
    return value;
  }

  binaryValue() {
    const first = this.cursor.u8();
    if (first <= 0x87) return utf8(this.chunks(first, 0x80));
    if (first <= 0x8f) return this.chunks(first, 0x88);
    if (first >= 0xa0 && first <= 0xa3) return this.length(first - 0xa0);
    if (first >= 0xa8 && first <= 0xab) return -this.length(first - 0xa8);
    if (first === 0xa7) return this.integer();
    if (first === 0xaf) return -this.integer();
    if (first === 0x90) return half(this.cursor.u16());
    if (first === 0x91) return this.cursor.take(4).readFloatBE();
    if (first === 0x92) return this.cursor.take(8).readDoubleBE();
    if (first >= 0xb0 && first <= 0xb2) return [true, false, null][first - 0xb0];
    if (first >= 0xc0 && first <= 0xc2) return this.expand(this.length(first - 0xc0));
    if (first >= 0xc8 && first <= 0xca) return this.define(first - 0xc8);
    return refuse(`unknown code ${first.toString(16)}`);
  }

  /** A string in chunks: codes from `terminal` on end it, codes from `terminal` + 4 on go on. */
  chunks(first, terminal) {
    const parts = [];
    for (let current = first; ; current = this.cursor.u8()) {
      if (current < terminal || current >= terminal + 8) refuse('chunk expected');
      parts.push(this.cursor.take(this.length(current % 4)));
      if (current < terminal + 4) return Buffer.concat(parts);
    }
  }

  integer() {
    const value = BigInt(`0x0${this.cursor.take(this.cursor.u16()).toString('hex')}`);
    return value > MOST_INTEGER ? refuse('integer of more than 64 bits') : Number(value);
  }

  /** JSON-C: the value of a tag. */
  expand(tag) {
    const text = this.#tags.get(tag) ?? refuse('unknown tag');
    this.#expanded += Buffer.byteLength(text);
    if (this.#expanded > Math.max(EXPANSION * this.cursor.bytes.length, LEAST_EXPANSION)) refuse('tags expand to too much');
    return text;
  }

  /** JSON-C: definitions of tags that may stand in front of a value or a name. */
  definitions() {
    while (this.peek() >= 0xc4 && this.peek() <= 0xc6) {
      this.seenBinary = true;
      this.define(this.cursor.u8() - 0xc4);
      this.space();
    }
  }

  define(width) {
    const tag = this.length(width);
    const text = this.peek() >= 0x80 ? this.binaryValue() : this.text();
    if (typeof text !== 'string' || this.#tags.has(tag)) refuse('tag definition');
    this.#tags.set(tag, text);
    return text;
  }
}

/** IEEE binary16. */
function half(bits) {
  const fraction = bits & 0x3ff;
  const exponent = (bits >> 10) & 0x1f;
  if (exponent === 0x1f) return refuse('number that is not finite');
  const magnitude = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
  return bits >> 15 ? -magnitude : magnitude;
}

// Where JSON has text in base64url, JSON-B may have the bytes.
const asBytes = (value) => (Buffer.isBuffer(value) ? value : unb64(value));

function asJson(value) {
  if (Buffer.isBuffer(value)) return b64(value);
  if (Array.isArray(value)) return value.map(asJson);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asJson(member)]));
}

/** A document in another encoding, as the file that it would be. */
export function laidOut(bytes) {
  const list = parseValue(bytes);
  if (!Array.isArray(list) || list.length !== 3) refuse('not a document');
  const header = checkHeader(asJson(list[0]));
  if (Buffer.byteLength(header.text) > HEADER - SLOT - 1) refuse('the header is too large');
  members(list[2], ['trailer'], [], 'trailer object');
  const trailer = Buffer.concat([TRAILER_TEXT, asBytes(list[2].trailer), Buffer.from('}]')]);
  const geometry = new Geometry(parseTrailer(trailer).size);
  const data = withSlots(asBytes(list[1]), geometry);
  if (data.length !== geometry.dataLength) refuse('the data are of another length than the size says');
  return Buffer.concat([headerRegion(header, Buffer.alloc(SLOT)), data, trailer]);
}

/** A byte string in chunks has no slots in its value: they are its framing. */
function withSlots(data, geometry) {
  if (geometry.groups < 2 || data.length !== geometry.dataLength - SLOT * (geometry.groups - 1)) return data;
  const parts = [];
  for (let group = 0, offset = 0; group < geometry.groups; group++) {
    const length = geometry.groupEnd(group) - groupStart(group);
    parts.push(Buffer.alloc(group ? SLOT : 0), data.subarray(offset, offset + length));
    offset += length;
  }
  return Buffer.concat(parts);
}

/** A document without records, as pure JSON. */
export function asPureJson(file, headerObject) {
  const trailer = file.subarray(-TRAILER).subarray(TRAILER_TEXT.length, -2);
  return `[${canonical(headerObject)},${canonical(b64(file.subarray(HEADER, -TRAILER)))},${canonical({ trailer: b64(trailer) })}]`;
}
