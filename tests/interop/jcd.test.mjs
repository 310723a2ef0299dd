import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { b64, canonical } from './bytes.mjs';
import { Geometry, Refused, checkHeader, commit, compose, fileSource, groupStart, headerObject, open, sizeOf, storedLength, udf } from './jcd.mjs';
import { keptEntry, makeTrailer, openTrailer, signEntry, verifySignatures } from './trailer.mjs';
import { checkWrapper } from './header.mjs';
import {
  accounting, alice, audit, board, legal, newDevice, newLabel, pattern, publicPart, readAccounting, reading, write, writing,
} from './fixtures.mjs';
import { BLOCK, GROUP, SIZES, changed, headerText, refused, sameContent } from './document-checks.mjs';

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

  test('bound headers', () => {
    const bound = (expression, labels) => headerObject(compose(pattern(1), writing(expression, labels, { bound: true })));
    for (const [expression, labels, count] of [
      [accounting.name, [accounting], 1], [board.name, [board], 1], [`${accounting.name} + ${board.name}`, [accounting, board], 2],
    ]) {
      const object = bound(expression, labels);
      assert.equal(checkHeader(object).object.bound.length, count);
      const other = bound(expression, labels);
      refused(() => checkHeader({ ...object, bound: other.bound }), /binding/);
      refused(() => checkHeader({ ...object, bound: [] }), /bound/);
      refused(() => checkHeader({ ...object, bound: object.bound.map((one) => ({ ...one, more: 1 })) }), /unknown member/);
    }
  });

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
