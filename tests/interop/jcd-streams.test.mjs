import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { b64, canonical, u16, u32, u64, unb64 } from './bytes.mjs';
import {
  Refused, asPureJson, canonicalLabel, decryptStream, encryptStream, groupStart, headerObject, open, parseValue, sizeOf, storedLength, udf,
} from './jcd.mjs';
import { accounting, alice, board, newKey, pattern, publicPart, readAccounting, write, writing } from './fixtures.mjs';
import { GROUP, SIZES, TRAILER, changed, headerText, refused, sameContent } from './document-checks.mjs';

describe('streams', () => {
  const collect = async (source) => {
    const parts = [];
    for await (const part of source) parts.push(part);
    return Buffer.concat(parts);
  };
  const pieces = function* pieces(buffer, length) {
    for (let offset = 0; offset < buffer.length; offset += length) yield buffer.subarray(offset, offset + length);
  };

  for (const size of SIZES) {
    test(`${size} bytes`, async () => {
      const content = pattern(size);
      const stream = await collect(encryptStream(pieces(content, 70001), writing(accounting.name, [accounting])));
      assert.equal(stream.length, storedLength(size));
      sameContent(open(stream, readAccounting), content);
      for (const file of [stream, write(content, { layout: 'stream' }), write(content)]) {
        assert.ok((await collect(decryptStream(pieces(file, 33333), readAccounting))).equals(content));
      }
    });
  }

  test('index blocks in chunks', async () => {
    const content = Buffer.alloc(128 * GROUP + 1, 5);
    const file = await collect(encryptStream(pieces(content, GROUP), writing(accounting.name, [accounting])));
    assert.equal(file.length, 67773085);
    sameContent(open(file, readAccounting), content);
    assert.ok((await collect(decryptStream([file], readAccounting))).equals(content));
    const sparse = write(Buffer.alloc(128 * GROUP + 1), { layout: 'stream', holes: true });
    assert.ok((await collect(decryptStream([sparse], readAccounting))).equals(Buffer.alloc(128 * GROUP + 1)));
  });

  test('cut, lengthened and changed streams fail', async () => {
    const file = write(pattern(GROUP + 10), { layout: 'stream' });
    const fails = (bytes) => assert.rejects(collect(decryptStream([bytes], readAccounting)), Refused);
    for (const length of [0, 100, 2304, 3000, groupStart(1) - 9, groupStart(1), file.length - TRAILER, file.length - 1]) {
      await fails(file.subarray(0, length));
    }
    await fails(Buffer.concat([file, Buffer.alloc(1)]));
    const table = groupStart(0) + GROUP;
    for (const offset of [2295, 2303, groupStart(0), table, table + 5, groupStart(1) - 9, groupStart(1) - 1, -30]) {
      await fails(changed(file, offset));
    }
  });
});

describe('other encodings', () => {
  const header = (file) => headerObject(file);
  const data = (file) => file.subarray(2304, file.length - TRAILER);
  const trailer = (file) => file.subarray(file.length - TRAILER + 14, file.length - 2);
  const text = (value) => Buffer.concat([Buffer.from([0x81]), u16(Buffer.byteLength(value)), Buffer.from(value)]);
  const bytes = (value) => Buffer.concat([Buffer.from([0x8a]), u32(value.length), value]);

  // An object whose names and texts are JSON-B strings, or JSON-C tags for names that occurred before.
  const binaryJson = (value, tags = null) => {
    if (Array.isArray(value)) return Buffer.concat([Buffer.from('['), ...value.map((item) => binaryJson(item, tags)), Buffer.from(']')]);
    if (typeof value === 'string') return text(value);
    if (typeof value === 'number') return Buffer.concat([Buffer.from([0xa3]), u64(value)]);
    const name = (member) => {
      if (!tags) return text(member);
      if (tags.has(member)) return Buffer.from([0xc0, tags.get(member)]);
      tags.set(member, tags.size);
      return Buffer.concat([Buffer.from([0xc8, tags.size - 1]), text(member)]);
    };
    const items = Object.entries(value).flatMap(([member, item]) => [name(member), binaryJson(item, tags)]);
    return Buffer.concat([Buffer.from('{'), ...items, Buffer.from('}')]);
  };

  test('pure JSON, JSON-B and JSON-C', () => {
    for (const size of [0, 5000, GROUP + 1]) {
      for (const layout of ['random', 'stream']) {
        const content = pattern(size);
        const file = write(content, { layout });
        const check = (encoded) => sameContent(open(Buffer.from(encoded), readAccounting), content);
        check(asPureJson(file, header(file)));
        check(JSON.stringify(JSON.parse(asPureJson(file, header(file))), null, 2));
        for (const tags of [null, new Map()]) {
          check(Buffer.concat([
            Buffer.from(' [ '), binaryJson(header(file), tags), bytes(data(file)),
            Buffer.from('{"trailer" : '), bytes(trailer(file)), Buffer.from(' } ]\n'),
          ]));
        }
        // As it stands, but with a header that is not canonical.
        const spaced = Buffer.from(file);
        const loose = JSON.stringify(Object.fromEntries(Object.entries(header(file)).reverse()));
        spaced.write(loose.padEnd(2294), 1);
        check(spaced);
      }
    }
  });

  test('data with slots, and as the pieces of a stream make it', () => {
    for (const size of [GROUP + 1, 2 * GROUP, 3 * GROUP - 5]) {
      const content = pattern(size);
      const file = write(content, { layout: 'stream' });
      const value = parseValue(file);
      const slots = Math.ceil(size / GROUP) - 1;
      assert.equal(data(file).length - value[1].length, 9 * slots);
      const encoded = (bytes) => Buffer.from(JSON.stringify([header(file), b64(bytes), { trailer: b64(trailer(file)) }]));
      for (const bytes of [value[1], data(file)]) sameContent(open(encoded(bytes), readAccounting), content);
      for (const bytes of [value[1].subarray(1), data(file).subarray(1), Buffer.concat([data(file), Buffer.alloc(1)])]) {
        refused(() => open(encoded(bytes), readAccounting));
      }
    }
  });

  test('codes', () => {
    const hex = (text) => parseValue(Buffer.from(text.replaceAll(' ', ''), 'hex'));
    const fails = (text) => refused(() => hex(text), /./);
    assert.deepEqual(hex('5b a0 07 a8 07 a1 0100 a7 0003 010000 af 0001 05 b0 b1 b2 5d'), [7, -7, 256, 65536, -5, true, false, null]);
    assert.deepEqual(hex('5b 90 3c00 90 c000 91 3fc00000 92 3ff8000000000000 5d'), [1, -2, 1.5, 1.5]);
    assert.deepEqual(hex('84 02 c3a9 85 0001 41 80 00'), 'éA');
    assert.deepEqual(hex('5b 8c 01 01 88 01 02 5d'), [Buffer.from([1, 2])]);
    // {tag 1 = "a": 1, "b": {"a": tag 1}} in several spellings.
    assert.deepEqual(hex('7b c8 01 80 01 61 a0 01 80 01 62 7b c0 01 c0 01 7d 7d'), { a: 1, b: { a: 'a' } });
    assert.deepEqual(hex('c4 01 22 61 22 5b c0 01 2c c0 01 5d'), ['a', 'a']);
    // A comma may be missing behind a bracket once there was a binary code; a text key needs its colon.
    assert.deepEqual(hex('5b b0 7b 7d 7b 7d 31 5d'), [true, {}, {}, 1]);
    fails('5b 7b 7d 7b 7d 5d');
    fails('7b 22 61 22 a0 01 7d');
    for (const text of [
      'b3', '93', 'd0', 'c0 01', 'c4 01 80 01 61 c4 01 80 01 62 b0', '80 02 61', '80 01 ff', '88 05 00', 'a7 0009 010000000000000000',
      '84 01 61', '84 01 61 88 01 61', '7b 80 01 61 a0 01 80 01 61 a0 01 7d', '5b 31 2c 5d', '5b b0 2c 5d', '5b 31 20 32 5d', 'b0 b0',
    ]) fails(text);
    const nested = (depth) => '5b'.repeat(depth) + '5d'.repeat(depth);
    hex(nested(64));
    fails(nested(65));
    const expanding = (count) => `5b c8 01 81 0400 ${'61'.repeat(1024)} ${'c0 01'.repeat(count)} 5d`;
    assert.equal(hex(expanding(64)).length, 65);
    fails(expanding(65));
  });

  test('refused', () => {
    const file = write(pattern(50));
    const json = asPureJson(file, header(file));
    const fails = (encoded) => refused(() => open(Buffer.from(encoded), readAccounting).content());
    fails(json.replace('{"jcd":1', '{"jcd":1,"jcd":1'));
    fails(`${json} 1`);
    fails(json.slice(0, -1));
    fails(json.replace('},"', '}"'));
    fails(`[${json}]`);
    fails(Buffer.concat([Buffer.from(json), file]));
  });
});

describe('texts', () => {
  test('canonical forms', () => {
    assert.equal(canonical({ b: [1, 'é\n'], a: { d: null, c: true } }), '{"a":{"c":true,"d":null},"b":[1,"é\\n"]}');
    assert.equal(canonicalLabel('B#b+A#a | C#c|A#a + B#b'), 'A#a + B#b | C#c');
    const file = write(pattern(1));
    assert.equal(canonical(headerObject(file)), headerText(file));
  });

  test('base64url is strict', () => {
    for (const bad of ['YQ==', 'YR', 'Y', 'Y+', ' YQ']) refused(() => unb64(bad));
  });

  test('fingerprints', () => {
    assert.match(udf(publicPart(accounting.key)), /^M[A-Z2-7]{3}(-[A-Z2-7]{4}){6}$/);
    assert.equal(udf(board.key), udf(publicPart(board.key)));
  });
});

describe('the command', () => {
  let directory;
  before(() => { directory = mkdtempSync(join(tmpdir(), 'jcd-')); });
  after(() => rmSync(directory, { recursive: true }));
  const tool = fileURLToPath(new URL('jcd-tool.mjs', import.meta.url));
  const run = (command, options) => JSON.parse(execFileSync(process.execPath, [tool, command], { input: JSON.stringify(options) }));

  test('writes, commits, inspects and reads', () => {
    const file = join(directory, 'a.jcd');
    const { credential } = run('credential', {
      master: accounting.master, device: publicPart(alice.device), subject: 'carol@example.com', expires: 4102444800, epoch: 3,
    });
    const author = { device: alice.device, credential };
    const options = { ...readAccounting, file };
    for (const layout of ['random', 'stream']) {
      run('write', { ...writing(accounting.name, [accounting], author), file, content: b64(pattern(6000)), layout });
      assert.equal(run('inspect', { file }).size, 6000);
      for (const stream of [false, true]) {
        const answer = run('read', { ...options, stream });
        assert.equal(answer.content, b64(pattern(6000)));
        assert.equal(answer.author.subject, 'carol@example.com');
      }
    }
    run('commit', { ...options, ...author, writes: [{ offset: 5999, content: b64(Buffer.from('end')) }] });
    assert.equal(run('inspect', { file }).records.length, 1);
    assert.equal(run('read', { ...options, offset: 5999 }).content, b64(Buffer.from('end')));
    const out = join(directory, 'b.jcd');
    run('apply', { ...options, out });
    assert.equal(sizeOf(readFileSync(out).length), 6002);
    run('json', { file: out, out: file });
    assert.equal(run('read', { ...options, length: 1 }).size, 6002);
    const { status, stdout } = spawnSync(process.execPath, [tool, 'read'], { input: JSON.stringify({ file, labelKeys: [newKey('X25519')] }) });
    assert.equal(status, 1);
    assert.match(JSON.parse(stdout).error, /no key/);
  });
});
