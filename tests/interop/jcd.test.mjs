import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { b64, bufferSource, canonical, sha256, u16, u32, u64, unb64 } from './bytes.mjs';
import {
  Geometry, Refused, applied, applyWrites, asPureJson, canonicalLabel, checkHeader, commit, commitWrites, compose, decryptStream, encryptStream,
  fileSource, groupStart, headerObject, open, openAttributes, parseValue, sealAttributes, sizeOf, storedLength, udf, written,
} from './jcd.mjs';
import { aheadFooter, makeRecord, readRecord, writeOf, zerosAt } from './records.mjs';
import { keptEntry, makeTrailer, openTrailer, signEntry, verifySignatures } from './trailer.mjs';
import { checkWrapper } from './header.mjs';
import {
  accounting, alice, audit, board, legal, newDevice, newKey, newLabel, pattern, publicPart, readAccounting, reading, write, writing,
} from './fixtures.mjs';

const BLOCK = 4096;
const GROUP = 524288;
const TRAILER = 656;
const SIZES = [0, 1, 4095, 4096, 4097, 8192, GROUP - 1, GROUP, GROUP + 1, GROUP + 4096, 2 * GROUP, 1363149];

const refused = (action, pattern) => assert.throws(action, (error) => error instanceof Refused && (!pattern || pattern.test(error.message)));
const sameContent = (document, content) => {
  assert.equal(document.size, content.length);
  assert.ok(document.content().equals(content));
};

function changed(file, offset, mask = 1) {
  const copy = Buffer.from(file);
  copy[offset < 0 ? copy.length + offset : offset] ^= mask;
  return copy;
}

describe('geometry', () => {
  test('the stored lengths of the page', () => {
    const table = { 0: 2960, 1: 3005, 4096: 7100, 4097: 7141, 524288: 532372, 524289: 532490, 67108864: 67772935, 67108865: 67773085 };
    for (const [size, stored] of Object.entries(table)) assert.equal(storedLength(Number(size)), stored);
  });

  test('the size follows from the stored length', () => {
    const around = (size) => [size - 2, size - 1, size, size + 1, size + 2].filter((near) => near >= 0);
    for (const size of [0, 4096, GROUP, 128 * GROUP, 129 * GROUP, 128 * 128 * GROUP, 2 ** 45].flatMap(around)) {
      assert.equal(sizeOf(storedLength(size)), size);
      assert.ok(storedLength(size) < storedLength(size + 1));
    }
    for (let length = 7101; length < 7141; length++) assert.equal(sizeOf(length), null);
    for (const length of [0, 2959, 2961, 3004]) assert.equal(sizeOf(length), null);
  });

  test('nothing overlaps, and nothing is left between', () => {
    for (const size of [1, GROUP + 5, 128 * GROUP, 128 * GROUP + 1, 300 * GROUP + 7, 16384 * GROUP, 16385 * GROUP + 9]) {
      const geometry = new Geometry(size);
      const ranges = [];
      for (let group = 0; group < geometry.groups; group++) {
        if (group) ranges.push([groupStart(group) - 9, 9]);
        ranges.push([groupStart(group), geometry.tableOffset(group) - groupStart(group)]);
        ranges.push([geometry.tableOffset(group), geometry.tableLength(group)]);
      }
      for (let level = 1; level <= geometry.top; level++) {
        for (let number = 0; number < geometry.levels[level]; number++) {
          ranges.push([geometry.indexOffset(level, number), geometry.indexLength(level, number)]);
        }
      }
      let end = 2304;
      for (const [offset, length] of ranges.sort((a, b) => a[0] - b[0])) {
        assert.equal(offset, end);
        end += length;
      }
      assert.equal(end, geometry.dataEnd);
    }
  });
});

describe('round trips', () => {
  for (const size of SIZES) {
    test(`${size} bytes`, async () => {
      const content = pattern(size);
      const file = write(content);
      assert.equal(file.length, storedLength(size));
      const document = open(file, readAccounting);
      sameContent(document, content);
      assert.equal(document.name, 'report.odt');
      assert.equal(document.author, 'alice@example.com');
      assert.equal(document.trailer.author.epoch, 3);
      sameContent(open(write(content, { layout: 'stream' }), readAccounting), content);
    });
  }

  test('labels of both curves, alternatives and conjunctions', () => {
    const content = pattern(5000);
    const labels = [accounting, board, legal, audit];
    const [A, B, L, U] = labels.map(({ name }) => name);
    const cases = [
      [A, [[accounting]]], [B, [[board]]],
      [`${A} | ${L}`, [[accounting], [legal]]], [`${B} | ${U}`, [[board], [audit]]], [`${A} | ${B}`, [[accounting], [board]]],
      [`${A} + ${L}`, [[accounting, legal]]], [`${B} + ${U}`, [[board, audit]]], [`${A} + ${B} + ${L} + ${U}`, [labels]],
      [`${L} | ${A} + ${U}`, [[legal], [accounting, audit]]], [`${U} | ${A} + ${L}`, [[audit], [accounting, legal]]],
    ];
    for (const [expression, ways] of cases) {
      const file = compose(content, writing(expression, labels, newDevice(ways[0][0])));
      for (const way of ways) {
        sameContent(open(file, reading(way)), content);
        if (way.length > 1) refused(() => open(file, reading(way.slice(1))), /no key/);
      }
    }
    const only = (expression) => headerObject(compose(content, writing(expression, labels))).jwe.unprotected;
    assert.deepEqual(Object.keys(only(B)), ['alg', 'epk']);
    assert.equal(only(B).epk.crv, 'P-256');
    assert.deepEqual(Object.keys(only(`${A} | ${B}`)), ['epk', 'epk2']);
    assert.equal(only(`${A} + ${L}`).alg, 'jcd+AND');
    assert.equal(only(`${A} + ${B}`).alg, 'jcd+AND+XP');
    const { recipients } = headerObject(compose(content, writing(`${A} + ${L} | ${B} | ${L}`, labels))).jwe;
    assert.deepEqual(recipients.map(({ header }) => header.alg), ['jcd+AND+XX', 'jcd+P256', 'ECDH-ES+A256KW']);
  });

  test('devices and masters on both curves', () => {
    for (const label of [accounting, board]) {
      for (const curve of ['Ed25519', 'P-256']) {
        const subject = `${'x'.repeat(24)}@example.com`;
        const file = compose(pattern(10), writing(label.name, [label], newDevice(label, { curve, subject })));
        assert.equal(open(file, reading([label])).author, subject);
      }
    }
  });

  test('data keys alone', () => {
    const file = write(pattern(9000));
    const { dataKeys } = open(file, readAccounting);
    const document = open(file, { ...readAccounting, labelKeys: undefined, dataKeys: dataKeys.map(({ n, key }) => ({ k: b64(key), n })) });
    sameContent(document, pattern(9000));
    assert.equal(document.name, undefined);
  });

  test('a file of length 0', () => {
    assert.equal(open(Buffer.alloc(0), {}).size, 0);
  });

  test('a header that is too large loses its type, then its name', () => {
    const document = open(write(pattern(1), { type: 'x'.repeat(1500) }), readAccounting);
    assert.deepEqual([document.name, document.type], ['report.odt', undefined]);
    assert.equal(open(write(pattern(1), { name: 'x'.repeat(1500) }), readAccounting).name, undefined);
    refused(() => write(pattern(1), { services: ['x'.repeat(2000)] }), /too large/);
  });
});

describe('holes and the tree', () => {
  test('sparse content of 128 groups and one byte, with index blocks of two levels', () => {
    const size = 128 * GROUP + 1;
    const content = Buffer.alloc(size);
    pattern(3 * BLOCK).copy(content, 5 * GROUP + 100);
    pattern(10).copy(content, 127 * GROUP);
    content[size - 1] = 7;
    const file = write(content, { holes: true });
    const document = open(file, readAccounting);
    assert.equal(document.geometry.top, 2);
    assert.equal(document.trailer.writes, 6);
    sameContent(document, content);
    refused(() => open(changed(file, document.geometry.indexOffset(1, 0) + 5 * 32), readAccounting).content(), /index block 1.0/);
    refused(() => open(changed(file, document.geometry.indexOffset(2, 0)), readAccounting).content(), /index block 2.0/);
    refused(() => open(changed(file, document.geometry.tableOffset(127)), readAccounting).content(), /table 127/);
    // What stands in the place of a hole has no meaning, nor has what a zero hash stands for.
    sameContent(open(changed(changed(file, groupStart(3)), document.geometry.tableOffset(3) + 9), readAccounting), content);
  });

  test('nothing but holes', () => {
    const document = open(write(Buffer.alloc(GROUP + 1), { holes: true }), readAccounting);
    assert.ok(document.trailer.root.equals(Buffer.alloc(32)));
    sameContent(document, Buffer.alloc(GROUP + 1));
  });

  test('reading a block touches its path and nothing else', () => {
    const directory = mkdtempSync(join(tmpdir(), 'jcd-'));
    const path = join(directory, 'document');
    const content = Buffer.alloc(128 * GROUP + 1);
    content[50 * GROUP + 4096] = 1;
    writeFileSync(path, write(content, { holes: true }));
    const source = fileSource(path);
    const document = open(source, readAccounting);
    assert.deepEqual(source.reads.map(({ length }) => length), [2304, 656]);
    source.reads.length = 0;
    assert.ok(document.readBlock(50 * 128 + 1).equals(content.subarray(50 * GROUP + 4096, 50 * GROUP + 8192)));
    const { geometry } = document;
    assert.deepEqual(source.reads, [
      { offset: geometry.indexOffset(2, 0), length: 64 }, { offset: geometry.indexOffset(1, 0), length: 4096 },
      { offset: geometry.tableOffset(50), length: 5124 }, { offset: groupStart(50) + 4096, length: 4096 },
    ]);
    source.reads.length = 0;
    document.readBlock(50 * 128 + 2);
    assert.deepEqual(source.reads, []);
    source.close();
    rmSync(directory, { recursive: true });
  });
});

describe('refusals', () => {
  test('every flipped byte of a small document is refused or harmless', () => {
    const content = pattern(100);
    const file = write(content);
    const harmless = [];
    const space = 1 + headerText(file).length;
    // Of the white space a sample is enough. 0x2a makes a line end of a space.
    for (let offset = 0; offset < file.length; offset += offset > space && offset < 2280 ? 7 : 1) {
      const mask = [0x80, 0x01, 0x2a][offset % 3];
      let document;
      try {
        document = open(changed(file, offset, mask), readAccounting);
        assert.ok(document.content().equals(content));
      } catch (error) {
        assert.ok(error instanceof Refused, error.stack);
        continue;
      }
      assert.equal(document.author, 'alice@example.com');
      assert.equal(document.name, 'report.odt');
      harmless.push(offset);
    }
    // Only the white space behind the header, which other white space may stand for, and the slot.
    assert.deepEqual(harmless.filter((offset) => offset < space || offset >= 2304), []);
  });

  test('every truncated length', () => {
    const file = write(pattern(100));
    for (let length = 1; length < file.length; length++) refused(() => open(file.subarray(0, length), readAccounting));
    // What stands behind the last good state is left over from a commit.
    const longer = open(Buffer.concat([file, Buffer.alloc(1)]), readAccounting);
    assert.ok(longer.leftOver);
    sameContent(longer, pattern(100));
  });

  test('blocks in each other\'s places', () => {
    const file = write(pattern(2 * BLOCK));
    const { geometry } = open(file, readAccounting);
    const copy = Buffer.from(file);
    file.copy(copy, groupStart(0), geometry.blockOffset(1), geometry.blockOffset(1) + BLOCK);
    refused(() => open(copy, readAccounting).content(), /block 0/);
  });

  test('credentials', () => {
    const file = write(pattern(1));
    refused(() => open(file, reading([accounting], { known: [legal] })), /master/);
    refused(() => open(file, { ...readAccounting, masters: { [accounting.name]: publicPart(legal.master) } }), /master/);
    refused(() => open(write(pattern(1), newDevice(accounting, { rights: 0 })), readAccounting), /may not write/);
    refused(() => open(write(pattern(1), newDevice(legal)), readAccounting), /master/);
    for (const subject of ['', 'x'.repeat(37), 'a b', 'a\nb', 'a\u0085b']) refused(() => newDevice(accounting, { subject }), /subject/);
    refused(() => write(pattern(1), { credential: newDevice(accounting).credential }), /another device/);
    const unsigned = write(pattern(1), { device: undefined, credential: undefined });
    refused(() => open(unsigned, readAccounting), /unknown author/);
    const document = open(unsigned, { ...readAccounting, anyone: true });
    assert.equal(document.author, null);
    sameContent(document, pattern(1));
  });

  test('the time of a signature', () => {
    const TIME = 2000000000;
    const DAY = 86400;
    const at = (time, now) => () => {
      const file = write(pattern(1), { ...newDevice(accounting, { expires: TIME }), time });
      return open(file, { ...readAccounting, now });
    };
    // A credential that has expired since still holds for what was signed before.
    assert.equal(at(TIME, TIME + 1000 * DAY)().trailer.entries[0].time, TIME);
    refused(at(TIME + 1, TIME + 1), /expired/);
    sameContent(at(TIME, TIME - DAY)(), pattern(1));
    refused(at(TIME, TIME - DAY - 1), /future/);
  });

  test('the epoch of a credential', () => {
    const kid = udf(publicPart(accounting.key));
    const other = udf(publicPart(legal.key));
    const file = write(pattern(1), newDevice(accounting, { epoch: 7 }));
    for (const epoch of [1, 7]) sameContent(open(file, { ...readAccounting, epochs: { [kid]: epoch } }), pattern(1));
    refused(() => open(file, { ...readAccounting, epochs: { [kid]: 8 } }), /earlier epoch/);
    refused(() => open(file, { ...readAccounting, epochs: { [other]: 1 } }), /no epoch is known/);
    // Only the key of the label that signed counts.
    const two = compose(pattern(1), writing(`${accounting.name} | ${legal.name}`, [accounting, legal]));
    const epochs = { [kid]: 3, [other]: 99 };
    sameContent(open(two, { ...readAccounting, epochs }), pattern(1));
  });

  test('signature entries', () => {
    const { header, trailer: first, dataKeys } = open(write(pattern(1)), readAccounting);
    const fields = { ...first, generation: 5 };
    const author = (time) => signEntry(1, header.uid, fields, { ...alice, time });
    const wrapper = (device = alice) => signEntry(3, header.uid, fields, device);
    const kept = (generation, device = alice) => {
      const then = { ...fields, generation, headerDigest: Buffer.alloc(32, 7) };
      return keptEntry(signEntry(1, header.uid, then, device), then);
    };
    const check = (...entries) => {
      const bytes = makeTrailer(header.uid, dataKeys.at(-1), fields, entries);
      const trailer = openTrailer(bytes, header, 1, dataKeys);
      verifySignatures(trailer, header, readAccounting);
      return [trailer.author?.subject, trailer.wrapper.subject];
    };
    const bob = newDevice(accounting, { subject: 'bob@example.com' });
    const stranger = newDevice(newLabel('Other#example.com'), { subject: 'eve@example.com' });
    assert.deepEqual(check(author()), ['alice@example.com', 'alice@example.com']);
    assert.deepEqual(check(kept(4), wrapper(bob)), ['alice@example.com', 'bob@example.com']);
    refused(() => check(kept(4, stranger), wrapper()), /master/);
    // Of an earlier epoch than the label's key: a new header may not have such a signature, the one that is kept may.
    const early = newDevice(accounting, { epoch: 2 });
    assert.equal(check(kept(4, early), wrapper())[0], 'alice@example.com');
    refused(() => check(kept(4), wrapper(early)), /earlier epoch/);
    refused(() => check(kept(4, newDevice(accounting, { expires: 1 })), wrapper()), /expired/);
    refused(() => check(kept(4), wrapper(stranger)), /master/);
    for (const generation of [5, 6]) refused(() => check(kept(generation), wrapper()), /generation/);
    const forms = [[wrapper(), kept(4)], [kept(4)], [wrapper()], [author(), author()], [author(), wrapper()], [kept(4), kept(4)]];
    for (const entries of forms) refused(() => check(...entries), /kinds/);
    refused(() => check({ ...author(), time: 1 }), /does not verify/);
    refused(() => check({ ...kept(4), generation: 3 }, wrapper()), /does not verify/);
    refused(() => check({ ...wrapper(), kind: 1 }), /does not verify/);
    // The largest entries fit.
    const long = newDevice(accounting, { curve: 'P-256', subject: 'x'.repeat(36) });
    assert.equal(check(kept(4, long), wrapper(long))[0].length, 36);
  });

  // A header with something changed; with the aad made to fit, so that it is the check in question which refuses.
  const changedHeader = (change, expression = accounting.name) => {
    const object = headerObject(compose(pattern(1), writing(expression, [accounting, board, legal])));
    change(object);
    return () => checkHeader(object);
  };

  test('headers', () => {
    for (const [change, why] of [
      [(h) => { h.jcd = 2; }, /version/], [(h) => { h.suite = 2; }, /suite/], [(h) => { h.more = 1; }, /unknown member/],
      [(h) => { h.label = 'B#b | A#a'; }, /canonical/], [(h) => { h.label = 'A#a'; }, /aad/], [(h) => { h.services = ['b', 'a']; }, /services/],
      [(h) => { h.services = ['Example.com']; }, /services/], [(h) => { h.services = ['example.com:']; }, /services/],
      [(h) => { h.jwe.unprotected.alg = 'jcd+AND'; }, /alg/], [(h) => { h.jwe.unprotected.alg = 'jcd+P256'; }, /alg/],
      [(h) => { h.services = ['example.org']; }, /aad/], [(h) => { h.uid = b64(Buffer.alloc(16)); }, /aad/],
      [(h) => { h.jwe.protected = b64('{"enc":"A128GCM"}'); }, /protected/], [(h) => { h.jwe.protected = b64('{"enc":"A256GCM","zip":"DEF"}'); }, /protected/],
      [(h) => { h.jwe.unprotected.crit = []; }, /crit/], [(h) => { h.jwe.unprotected.zip = 'DEF'; }, /zip/],
      [(h) => { h.jwe.recipients[0].header.alg = h.jwe.unprotected.alg; }, /two places/], [(h) => { h.jwe.unprotected.alg = 'ECDH-ES'; }, /alg/],
      [(h) => { h.jwe.recipients[0].header.epk = h.jwe.unprotected.epk; }, /unknown member epk/],
      [(h) => { h.jwe.more = 1; }, /unknown member/], [(h) => { h.jwe.recipients[0].more = 1; }, /unknown member/],
      [(h) => { h.jwe.recipients[0].header.typ = 'JWE'; }, /unknown member/], [(h) => { h.jwe.unprotected.apu = ''; }, /unknown member/],
      [(h) => { h.jwe.unprotected.epk.kid = 'x'; }, /unknown member/], [(h) => { h.services = []; }, /services/],
      [(h) => { h.services = ['example.com', 'example.com']; }, /services/], [(h) => { h.label = 'A#a | A#a'; }, /canonical/],
      [(h) => { h.label = 'B#b + A#a'; }, /canonical/], [(h) => { h.label = 'A#a|B#b'; }, /canonical/],
      [(h) => { h.jwe.recipients[0].header.kid = [h.jwe.recipients[0].header.kid]; }, /kid/],
      [(h) => { h.jwe.recipients[0].header.kid = h.jwe.recipients[0].header.kid.toLowerCase(); }, /kid/],
    ]) refused(changedHeader(change), why);
    refused(changedHeader((h) => { h.jwe.recipients[0].header.kid = udf(publicPart(legal.key)); }), /aad/);
    refused(changedHeader((h) => { h.jwe.recipients.reverse(); }, `${accounting.name} | ${legal.name}`), /aad/);
  });

  test('wrappers', () => {
    const uid = Buffer.alloc(16, 1);
    const good = { keys: [{ k: b64(Buffer.alloc(32)), n: 1 }], uid: b64(uid) };
    const opened = (wrapper) => checkWrapper(wrapper, { object: { uid: b64(uid) } });
    assert.equal(opened({ ...good, name: 'a', type: 'b' }).name, 'a');
    const [key] = good.keys;
    for (const [change, why] of [
      [{ more: 1 }, /unknown member/], [{ name: 1 }, /name/], [{ type: null }, /type/], [{ uid: b64(Buffer.alloc(16)) }, /uid/], [{ uid: undefined }, /uid/],
      [{ keys: [] }, /number of/], [{ keys: key }, /keys/], [{ keys: [{ ...key, more: 1 }] }, /unknown member/], [{ keys: [{ ...key, n: 0 }] }, /numbers/],
      [{ keys: [{ ...key, n: 2 ** 32 }] }, /numbers/], [{ keys: [{ ...key, k: b64(Buffer.alloc(31)) }] }, /length/], [{ keys: [key, key] }, /numbers/],
      [{ keys: [1, 2, 3, 4, 5].map((n) => ({ ...key, n })) }, /number of/],
    ]) refused(() => opened({ ...good, ...change }), why);
  });

  test('algorithms of labels on both curves', () => {
    const [A, B] = [accounting.name, board.name];
    const edited = (expression, change) => {
      const object = headerObject(compose(pattern(1), writing(expression, [accounting, board, legal])));
      change(object.jwe);
      return () => checkHeader(object);
    };
    for (const alg of ['jcd+AND', 'jcd+AND+', 'jcd+AND+X', 'jcd+AND+XPX', 'jcd+AND+xp', 'jcd+AND+XY']) {
      refused(edited(`${A} + ${B}`, (jwe) => { jwe.unprotected.alg = alg; }), /alg/);
    }
    refused(edited(`${A} + ${B}`, (jwe) => { jwe.unprotected.alg = 'jcd+AND+PX'; }), /aad/);
    refused(edited(`${A} + ${B}`, (jwe) => { jwe.unprotected.alg = 'jcd+AND+XX'; }), /without a label/);
    refused(edited(`${A} + ${legal.name}`, (jwe) => { jwe.unprotected.alg = 'jcd+AND+XX'; }), /alg/);
    refused(edited(A, (jwe) => { jwe.unprotected.alg = 'jcd+P256'; }), /alg/);
  });

  test('ephemeral keys', () => {
    const x25519 = (bytes) => (h) => { h.jwe.unprotected.epk.x = b64(bytes); };
    const little = (value) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse();
    const p = 2n ** 255n - 19n;
    refused(changedHeader(x25519(Buffer.alloc(32))), /zero/);
    refused(changedHeader(x25519(little(p))), /canonical/);
    refused(changedHeader(x25519(little(p + 9n))), /canonical/);
    refused(changedHeader(x25519(little(9n + 2n ** 255n))), /canonical/);
    refused(changedHeader(x25519(little(2n))), /twist/);
    refused(changedHeader(x25519(little(p - 1n))), /twist/);
    refused(changedHeader((h) => { h.jwe.unprotected.epk.y = b64(Buffer.alloc(32, 1)); }, board.name), /on the curve/);
    refused(changedHeader((h) => { h.jwe.unprotected.epk2 = h.jwe.unprotected.epk; }), /curves/);
  });
});

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

describe('commit records', () => {
  const edit = (content, { writes = [], size }) => {
    const length = size ?? Math.max(content.length, ...writes.map(({ offset, data }) => offset + data.length));
    const next = Buffer.alloc(length);
    content.copy(next);
    for (const { offset, data } of writes) data.copy(next, offset);
    return next;
  };
  const start = (size, more) => ({ file: write(pattern(size), more), content: pattern(size) });
  const step = ({ file, content }, changes, options = {}) => ({
    file: commit(file, open(file, readAccounting), changes, { ...readAccounting, ...alice, ...options }),
    content: edit(content, changes),
  });
  const at = (offset, length, seed = 9) => ({ writes: [{ offset, data: pattern(length, seed) }] });

  const CHAINS = {
    'overwritten in the middle': [10000, [at(5000, 10)]],
    'grown inside a block': [100, [at(90, 30)]],
    'grown by blocks': [4096, [at(4096, 9000)]],
    'grown over a group': [GROUP - 10, [at(GROUP - 20, 5000)]],
    'grown by a hole': [5000, [{ size: GROUP + 5000 }, at(GROUP, 10)]],
    'shrunk inside a block': [5000, [{ size: 4500 }]],
    'shrunk by a group': [GROUP + 5000, [{ size: 100 }]],
    'shrunk to nothing': [5000, [{ size: 0 }]],
    'from nothing': [0, [at(0, 5000)]],
    'a chain': [20000, [at(0, 100), at(19990, 9000, 2), { size: 300 }, at(200, 60000, 3), { size: 9000 }, at(9000, 1, 4), { size: GROUP + 9000 }]],
  };

  for (const [name, [size, steps]] of Object.entries(CHAINS)) {
    test(name, async () => {
      for (const layout of ['random', 'stream']) {
        let state = start(size, { layout });
        steps.forEach((changes, index) => {
          state = step(state, changes, ROOM);
          assert.equal(sizeOf(state.file.length), null);
          const document = open(state.file, readAccounting);
          assert.equal(document.records.length, index + 1);
          assert.equal(document.trailer.generation, index + 2);
          assert.equal(document.author, 'alice@example.com');
          sameContent(document, state.content);
          const plain = applied(document);
          assert.equal(plain.length, storedLength(state.content.length));
          sameContent(open(plain, readAccounting), state.content);
        });
        // The footer is a hint: without it the records are found all the same.
        sameContent(open(Buffer.concat([state.file, Buffer.from('left over')]), readAccounting), state.content);
      }
    });
  }

  // Files with a gap, so that commits that make the document longer can follow each other.
  const GROWING = {
    ...CHAINS,
    'two commits that grow': [5000, [at(4990, 4000), at(8000, 9000, 2)]],
    'grown over a group twice': [GROUP - 10, [at(GROUP - 20, 5000), at(GROUP + 4000, GROUP, 2)]],
    'grown, shrunk, grown': [5000, [at(4990, 9000), { size: 6000 }, at(5900, 20000, 2)]],
    'the same size twice': [5000, [at(0, 10), at(4096, 10, 2)]],
  };
  const ROOM = { gap: 4 * GROUP };
  const chain = (size, steps, options = ROOM) => steps.reduce((state, changes) => step(state, changes, options), start(size));

  test('records stay until the document would grow into them', () => {
    const count = ([size, steps], options) => open(chain(size, steps, options).file, readAccounting).records.length;
    assert.equal(count(GROWING['two commits that grow'], ROOM), 2);
    assert.equal(count(GROWING['two commits that grow'], {}), 1);
    assert.equal(count(GROWING['the same size twice'], {}), 2);
  });

  test('runs of zeros take no room in a record', () => {
    const { file, content } = chain(5000, [{ size: GROUP + 5000 }]);
    const [{ position, end, writes }] = open(file, readAccounting).records;
    assert.ok(end - position < 12000);
    assert.ok(writes.some(({ bytes, length }) => !bytes && length > 500000));
    sameContent(open(file, readAccounting), content);
  });

  test('whole groups are written ahead of the record', () => {
    const state = start(GROUP - 10);
    const { file, ahead, writes, old, next } = committing(state, at(GROUP - 20, 3 * GROUP + 5000), {});
    const [groups, footer] = ahead;
    assert.deepEqual([groups.offset, groups.length], [groupStart(2) - 9, groupStart(4) - groupStart(2)]);
    assert.equal(footer.bytes.subarray(-32).toString('hex'), Buffer.concat([
      Buffer.from('jcdrecor'), u64(0), u64(file.length), u64(old.length)]).toString('hex'));
    const check = (cut, content) => sameContent(open(cut, readAccounting), content);
    // Cut in front of the record: the footer tells the committed state, or it is found without one.
    for (const part of [groups.length, 1, 5000]) {
      check(written(file, [{ ...groups, bytes: groups.bytes.subarray(0, part) }]), old);
    }
    const before = written(file, ahead);
    assert.equal(sizeOf(before.length), null);
    assert.ok(open(before, readAccounting).leftOver);
    check(before, old);
    for (let length = 1; length < writes[0].length; length += 5000) {
      check(written(before, [{ offset: writes[0].offset, bytes: writes[0].bytes.subarray(0, length) }]), old);
    }
    check(written(before, writes.slice(0, 1)), next);
    const done = written(before, writes);
    check(done, next);
    check(applied(open(done, readAccounting)), next);
    const [{ end, position }] = open(done, readAccounting).records;
    assert.ok(end - position < 1.1 * GROUP);
    // The next writer cuts what is left over. Records are applied before groups are written ahead.
    const again = step({ file: before, content: old }, at(1, 2));
    check(again.file, again.content);
    const behind = committing(again, at(GROUP, 2 * GROUP), {});
    assert.equal(sizeOf(behind.file.length), GROUP - 10);
    check(behind.file, again.content);
    check(written(behind.file, [...behind.ahead, ...behind.writes]), behind.next);
    // What was written ahead is not looked at when the document is opened, only when it is read.
    const broken = open(changed(done, groupStart(2)), readAccounting);
    assert.ok(broken.read(0, GROUP).equals(next.subarray(0, GROUP)));
    refused(() => broken.readBlock(256), /block 256/);
  });

  test('a creation that did not finish', () => {
    const file = write(pattern(2 * GROUP));
    const cut = file.subarray(0, groupStart(1) + 5000);
    const footer = aheadFooter(cut.length, { length: 0, size: 0 });
    for (const left of [cut, Buffer.concat([cut, footer])]) refused(() => open(left, readAccounting));
    refused(() => open(Buffer.concat([cut, footer]), readAccounting), /did not finish/);
  });

  test('records that no writer makes', () => {
    const { file } = start(10000);
    const document = open(file, readAccounting);
    const { writes: [record] } = commitWrites(file, document, at(0, 10), { ...alice });
    const made = written(file, [record]);
    const good = readRecord(bufferSource(made), record.offset);
    const remade = (change) => {
      const fields = { ...good, followed: good.followed, previous: 0, ...change };
      return () => {
        const bytes = makeRecord(document.header.uid, document.dataKeys[0], fields);
        return readRecord(bufferSource(written(file, [{ offset: record.offset, bytes }])), record.offset);
      };
    };
    assert.equal(remade({})().newSize, 10000);
    const { writes } = good;
    const last = writes.at(-1);
    refused(remade({ position: record.offset + 1 }), /another position/);
    refused(remade({ baseLength: record.offset + 1 }), /inside/);
    refused(remade({ newSize: 10001 }), /do not fit/);
    refused(remade({ writes: [...writes, zerosAt(last.offset + last.length - 1, 2)] }), /overlap/);
    refused(remade({ writes: [...writes, zerosAt(last.offset + last.length, 1)] }), /behind the new end/);
    refused(remade({ writes: writes.slice(0, -1) }), /without the new trailer/);
    refused(remade({ writes: [...writes.slice(0, -1), writeOf(last.offset, good.followed)] }), /generation/);
    refused(() => makeRecord(document.header.uid, document.dataKeys[0], { ...good, writes: [writeOf(0, Buffer.alloc(2 ** 27))] }), /too much/);
    const large = Buffer.from(made);
    u64(2 ** 27 + 1).copy(large, record.offset + 11);
    refused(() => readRecord(bufferSource(large), record.offset), /too large/);
  });

  for (const [name, [size, steps]] of Object.entries(GROWING)) {
    test(`an interrupted apply is completed by reading: ${name}`, () => {
      const { file, content } = chain(size, steps);
      const document = open(file, readAccounting);
      assert.equal(document.records.length, steps.length);
      const writes = applyWrites(document);
      const check = (interrupted) => sameContent(open(interrupted, readAccounting), content);
      for (let count = 0; count <= writes.length; count++) {
        check(written(file, writes.slice(0, count)));
        check(written(file, writes.slice(count)));
      }
      // Every other sector of what applying writes is in place.
      const end = applied(document);
      for (const parity of [0, 1]) {
        const torn = Buffer.from(file);
        for (const { offset, bytes } of writes) {
          for (let byte = offset; byte < offset + bytes.length; byte++) if (Math.floor(byte / 512) % 2 === parity) torn[byte] = end[byte];
        }
        check(torn);
        // The next writer completes it.
        const next = step({ file: torn, content }, at(3, 2));
        sameContent(open(next.file, readAccounting), next.content);
      }
      const done = written(file, writes).subarray(0, end.length);
      assert.ok(done.equals(end));
      check(done);
    });
  }

  /** A state, and the writes that make the next one of it, with both contents. */
  const committing = (state, changes, options = ROOM) => {
    const commit = commitWrites(state.file, open(state.file, readAccounting), changes, { ...readAccounting, ...alice, ...options });
    return { ...commit, old: state.content, next: edit(state.content, changes) };
  };

  const COMMITS = {
    'inside a block': [[100], at(90, 30)],
    'by a block': [[4096], at(4096, 4096)],
    'by blocks': [[4096], at(4096, 12288)],
    'over a group': [[GROUP - 10], at(GROUP - 20, 5000)],
    'from nothing': [[0], at(0, 9000)],
    'behind a record': [[5000, at(4990, 4000)], at(8000, 9000, 2)],
    'behind records that had made it shorter': [[5000, at(4990, 9000), { size: 6000 }], at(5900, 20000, 2)],
  };
  for (const [name, [[size, ...steps], changes]] of Object.entries(COMMITS)) {
    for (const options of [{}, ROOM]) {
      test(`a commit that grows ${name} is cut${options.gap ? ', with a gap' : ''}`, () => {
        const state = chain(size, steps);
        const { file, ahead, writes, old, next } = committing(state, changes, options);
        assert.equal(ahead.length, 0);
        const check = (cut, content) => sameContent(open(cut, readAccounting), content);
        const [record, footer] = writes;
        check(written(file, writes), next);
        check(written(file, [record]), next);
        check(written(file, [footer]), old);
        for (const part of [0.1, 0.5, 0.99]) {
          const half = written(file, [{ offset: record.offset, bytes: record.bytes.subarray(0, record.length * part) }]);
          check(half, old);
          // The next writer cuts what was left over.
          const again = step({ file: half, content: old }, at(1, 2), options);
          check(again.file, again.content);
        }
        check(written(written(file, [record]), [{ offset: footer.offset, bytes: footer.bytes.subarray(0, 20) }]), next);
      });
    }
  }

  test('lengths that a size maps to, though no document ends there', () => {
    const { file, writes: [record, footer], old, next } = committing(start(4096), at(4096, 4096), {});
    const all = written(file, [record, footer]);
    for (let length = file.length; length < record.offset + record.length; length += length % 61 + 1) {
      sameContent(open(all.subarray(0, length), readAccounting), old);
    }
    const length = storedLength(6000);
    assert.ok(length > file.length && length < record.offset + record.length);
    const torn = all.subarray(0, length);
    assert.ok(open(torn, readAccounting).leftOver);
    const again = step({ file: torn, content: old }, at(4000, 5000));
    sameContent(open(again.file, readAccounting), again.content);
    // With other bytes where a trailer would be.
    sameContent(open(written(torn, [{ offset: length - TRAILER, bytes: file.subarray(-TRAILER) }]), readAccounting), old);
    // The record is complete, and zeros or a footer end at such a length.
    const end = footer.offset;
    const mapped = [...Array(100).keys()].map((zeros) => end + zeros).find((length) => length >= end + 32 && sizeOf(length) !== null);
    for (const ending of [Buffer.alloc(0), footer.bytes.subarray(-32)]) {
      const last = { offset: mapped - ending.length, bytes: ending };
      const lengthened = written(Buffer.concat([all.subarray(0, end), Buffer.alloc(mapped - end)]), [last]);
      const document = open(lengthened, readAccounting);
      assert.equal(document.leftOver ?? false, ending.length === 0);
      sameContent(document, next);
    }
  });

  test('an interrupted commit leaves the state before it', () => {
    const first = start(10000);
    const second = step(first, at(9000, 3000), ROOM);
    const third = step(second, at(12000, 5000, 3));
    const { records } = open(third.file, readAccounting);
    const check = (length, content) => sameContent(open(third.file.subarray(0, length), readAccounting), content);
    const lengths = (from, to) => Array.from({ length: 25 }, (_, index) => from + Math.floor(((to - from) * index) / 24));
    for (const length of lengths(first.file.length, records[0].end - 1)) check(length, first.content);
    for (const length of lengths(records[0].end, records[1].end - 1)) check(length, second.content);
    for (const length of lengths(records[1].end, third.file.length)) check(length, third.content);
    // The next writer cuts what was left over.
    const torn = third.file.subarray(0, records[1].end - 5);
    const next = commit(torn, open(torn, readAccounting), at(1, 2), alice);
    sameContent(open(next, readAccounting), edit(second.content, at(1, 2)));
    assert.equal(open(next, readAccounting).records.length, 2);
  });

  test('changed records and footers', () => {
    const first = start(5000);
    const second = step(first, at(0, 10));
    const [{ position, end }] = open(second.file, readAccounting).records;
    for (let offset = position; offset < end; offset += offset < position + 100 ? 3 : 83) {
      sameContent(open(changed(second.file, offset), readAccounting), first.content);
    }
    for (let offset = end; offset < second.file.length; offset += 3) {
      sameContent(open(changed(second.file, offset), readAccounting), second.content);
    }
    // Records of another state, though of the same document.
    const other = step(first, at(20, 10));
    const mixed = step(other, at(40, 10));
    const moved = Buffer.concat([second.file, mixed.file.subarray(second.file.length)]);
    const document = open(moved, readAccounting);
    assert.ok(document.leftOver);
    sameContent(document, second.content);
  });

  test('wrapped again, under another label, by another device', () => {
    const { file, content } = start(9000);
    const bob = newDevice(legal, { subject: 'bob@example.org', curve: 'P-256' });
    const header = { label: `${accounting.name} | ${legal.name}`, ...keysOf(accounting, legal), services: ['example.com', 'example.org'] };
    const options = reading([accounting]);
    const by = { ...options, ...bob };
    const wrapped = commit(file, open(file, options), { header, newKey: true }, by);
    const document = open(wrapped, options);
    sameContent(document, content);
    assert.deepEqual(document.trailer.entries.map(({ kind }) => kind), [2, 3]);
    assert.deepEqual([document.author, document.trailer.wrapper.subject], ['alice@example.com', 'bob@example.org']);
    assert.deepEqual(document.dataKeys.map(({ n }) => n), [1, 2]);
    sameContent(open(wrapped, { ...options, labelKeys: [legal.key] }), content);

    // Once more: the author's entry stays as it is. Then a change of content, and at last the old key is forgotten.
    const again = commit(wrapped, document, { header: { ...header, name: 'new.odt' } }, by);
    assert.equal(open(again, options).name, 'new.odt');
    assert.equal(open(again, options).trailer.entries[0].generation, 1);
    const written = commit(again, open(again, options), at(0, 5), by);
    assert.equal(open(written, options).author, 'bob@example.org');
    assert.equal(open(written, options).table(0).readUInt32BE(), 2);
    const rewritten = commit(written, open(written, options), { header, rewrite: true }, by);
    const last = open(rewritten, options);
    assert.deepEqual(last.dataKeys.map(({ n }) => n), [2]);
    sameContent(last, edit(content, at(0, 5)));
    sameContent(open(applied(last), options), edit(content, at(0, 5)));
    refused(() => commit(wrapped, document, { header, newKey: true, rewrite: true }, by), /key of the record/);
  });

  test('given another label', () => {
    const { file, content } = start(9000);
    const bob = newDevice(legal, { subject: 'bob@example.org' });
    const moved = commit(file, open(file, readAccounting), { header: { label: legal.name, ...keysOf(legal), services: ['example.org'] } },
      { ...reading([legal]), ...bob });
    const document = open(moved, reading([accounting, legal]));
    // Alice's credential is of none of the labels now: who wraps the header vouches for the content too.
    assert.deepEqual(document.trailer.entries.map(({ kind }) => kind), [1]);
    assert.equal(document.author, 'bob@example.org');
    sameContent(document, content);
    refused(() => open(applied(document), readAccounting), /no key/);
    sameContent(open(applied(document), reading([legal])), content);
    // An apply of a new header is interrupted between its sectors.
    const torn = written(moved, applyWrites(document).map(({ offset, bytes }) => ({ offset, bytes: bytes.subarray(0, 1024) })));
    sameContent(open(torn, reading([legal, accounting])), content);
  });

  const keysOf = (...labels) => ({ labelKeys: Object.fromEntries(labels.map(({ name, key }) => [name, publicPart(key)])) });
});

describe('sealed attributes', () => {
  const attributes = new Map([['comment', Buffer.from('for the board')], ['empty', Buffer.alloc(0)]]);
  const options = { ...readAccounting, ...alice };
  const file = write(pattern(5000));
  const document = open(file, readAccounting);
  const committed = (stored, changes) => commit(stored, open(stored, readAccounting), changes, options);
  const after = (sealed, stored = file) => open(committed(stored, { attributes: sha256(sealed) }), readAccounting);

  test('are what the trailer names, after other changes too', () => {
    assert.equal(openAttributes(document).size, 0);
    const sealed = sealAttributes(document, attributes);
    const named = committed(file, { attributes: sha256(sealed) });
    assert.deepEqual(openAttributes(open(named, readAccounting), sealed), attributes);
    const later = committed(named, { writes: [{ offset: 10, data: pattern(5, 2) }] });
    assert.deepEqual(openAttributes(open(later, readAccounting), sealed), attributes);
  });

  test('the bytes of the page', () => {
    const sealed = sealAttributes(document, new Map([['a', Buffer.from('1')]]));
    assert.equal(sealed.length, 41);
    assert.deepEqual(sealed.subarray(0, 8), Buffer.from([1, 0, 0, 0, 0, 0, 0, 1]));
  });

  test('others are refused', () => {
    const sealed = sealAttributes(document, attributes);
    const named = after(sealed);
    refused(() => openAttributes(named), /missing/);
    for (let at = 0; at < sealed.length; at++) refused(() => openAttributes(named, changed(sealed, at)), /others/);
    refused(() => openAttributes(named, sealAttributes(document, attributes)), /others/);
    const another = open(write(pattern(5000)), readAccounting);
    const theirs = sealAttributes(another, attributes);
    refused(() => openAttributes(after(theirs), theirs), /verify/);
    refused(() => sealAttributes(document, new Map()), /none/);
    refused(() => sealAttributes(document, new Map([['', Buffer.alloc(0)]])), /name/);
    refused(() => sealAttributes(document, new Map([['large', Buffer.alloc(65500)]])), /too large/);
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

function headerText(file) {
  return file.subarray(1, 2295).toString().replace(/ +$/, '');
}
