// Documents between the built programs and this implementation, which was made from docs/FORMAT.md alone: each reads what the other wrote.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { CURVES, Exchange, GROUP, changed, collect } from './exchange.mjs';
import { newDevice, pattern, publicPart } from './fixtures.mjs';
import { asPureJson, decryptStream, encryptStream, groupStart, headerObject, issueCredential, open, storedLength, udf } from './jcd.mjs';
import { jose, skip as skipJose } from './load-jose.mjs';
import { reasonToSkip } from './stage.mjs';

const SIZES = [0, 1, 4096, 4097, GROUP, 700001];
const DAY = 86400;
const now = Math.floor(Date.now() / 1000);

describe('documents between the programs and this implementation', { skip: reasonToSkip() }, () => {
  const exchange = new Exchange();
  before(() => exchange.begin());
  after(() => exchange.end());

  for (const curve of CURVES) {
    describe(`under a label on ${curve}`, () => {
      let label;
      let writer;
      let reader;
      before(() => {
        label = exchange.label(curve);
        [writer, reader] = exchange.members(curve);
      });

      test('its keys are those of its profile, and the service gave its members credentials', () => {
        assert.equal(label.key.crv, curve);
        assert.equal(label.secrets.label, label.name);
        assert.equal(udf(label.key), label.kid);
        assert.equal(udf(label.master), udf(label.profile.master));
        assert.equal(label.credentials.size, 2);
      });

      test('the program writes files', async () => {
        for (const size of SIZES) exchange.stage.write(`${curve}-${size}`, pattern(size));
        writer.program(['encrypt', label.name, ...SIZES.map((size) => `${curve}-${size}`)]);
        for (const size of SIZES) {
          const file = readFileSync(exchange.stage.path(`${curve}-${size}.jcd`));
          assert.equal(file.length, storedLength(size));
          const document = exchange.holds(file, pattern(size), writer);
          assert.equal(document.name, `${curve}-${size}`);
          assert.equal(document.header.label, label.name);
          assert.equal(document.trailer.generation, 1);
          assert.equal(document.trailer.writes, document.geometry.blocks);
          assert.ok((await collect(decryptStream([file], exchange.reading))).equals(pattern(size)));
        }
      });

      test('the program writes streams', async () => {
        for (const size of [...SIZES, 3 * GROUP, 3 * GROUP + 5]) {
          const file = writer.program(['encrypt', label.name, '-'], pattern(size));
          const { groups } = exchange.holds(file, pattern(size), writer).geometry;
          assert.ok((await collect(decryptStream([file], exchange.reading))).equals(pattern(size)));
          for (let group = 0; group < groups; group++) assert.equal(file[groupStart(group) - 9], group === groups - 1 ? 0x8b : 0x8f);
        }
      });

      test('the program under its other name', () => {
        const path = exchange.stage.write(`${curve}.txt`, pattern(5000));
        writer.recrypt('/encrypt', label.name, path);
        exchange.holds(readFileSync(`${path}.jcd`), pattern(5000), writer);
        exchange.stage.write(`${curve}.back.jcd`, exchange.write(writer, label, pattern(6000)));
        reader.recrypt('/decrypt', `${curve}.back.jcd`);
        assert.ok(readFileSync(exchange.stage.path(`${curve}.back`)).equals(pattern(6000)));
      });

      test('jose opens the header of the program\'s document, and what it yields is enough', { skip: skipJose }, async () => {
        const file = writer.program(['encrypt', label.name, '-'], pattern(5000));
        const { jwe, uid } = headerObject(file);
        const { plaintext } = await jose.generalDecrypt(jwe, await jose.importJWK(label.key, 'ECDH-ES+A256KW'));
        const wrapper = JSON.parse(Buffer.from(plaintext).toString());
        assert.equal(wrapper.uid, uid);
        const document = open(file, { ...exchange.reading, labelKeys: [], dataKeys: wrapper.keys });
        assert.ok(document.content().equals(pattern(5000)));
        const other = exchange.label(CURVES.find((name) => name !== curve));
        await assert.rejects(jose.generalDecrypt(jwe, await jose.importJWK(other.key, 'ECDH-ES+A256KW')));
      });

      test('written here, at random and as streams', async () => {
        const files = new Map();
        for (const size of [...SIZES, 3 * GROUP + 5]) {
          files.set(`${curve}-random-${size}`, exchange.write(writer, label, pattern(size)));
          files.set(`${curve}-stream-${size}`, await collect(encryptStream([pattern(size)], exchange.writing(writer, label))));
        }
        for (const [name, file] of files) exchange.stage.write(`${name}.jcd`, file);
        reader.program(['decrypt', ...[...files.keys()].map((name) => `${name}.jcd`)]);
        for (const [name, file] of files) {
          const content = pattern(Number(name.split('-').at(-1)));
          assert.ok(readFileSync(exchange.stage.path(name)).equals(content), name);
          assert.ok(reader.program(['decrypt', '-'], file).equals(content), `${name} as a stream`);
        }
      });

      test('written here, with holes', () => {
        const content = Buffer.alloc(3 * GROUP + 5000);
        pattern(100).copy(content, GROUP + 20000);
        for (const layout of ['random', 'stream']) {
          const file = exchange.write(writer, label, content, { holes: true, layout });
          exchange.programReads(reader, file, content);
          assert.ok(reader.program(['decrypt', '-'], file).equals(content));
        }
      });
    });
  }

  describe('under labels on both curves', () => {
    const expressions = () => [exchange.accounting.name, exchange.board.name].map((_, index, names) => names.join([' | ', ' + '][index]));

    test('the program writes', () => {
      const { alice, accounting, board } = exchange;
      const [either, both] = expressions();
      for (const [expression, labels] of [[either, [accounting]], [either, [board]], [both, [accounting, board]]]) {
        const file = alice.program(['encrypt', expression, '-'], pattern(5000));
        const document = open(file, { ...exchange.reading, labelKeys: labels.map(({ key }) => key) });
        assert.ok(document.content().equals(pattern(5000)));
        assert.equal(document.author, alice.account);
      }
      const file = alice.program(['encrypt', both, '-'], pattern(10));
      for (const { key } of [accounting, board]) assert.throws(() => open(file, { ...exchange.reading, labelKeys: [key] }), /no key/);
    });

    test('written here', () => {
      for (const expression of expressions()) {
        const file = exchange.write(exchange.alice, exchange.board, pattern(5000), { label: expression });
        exchange.programReads(exchange.bob, file, pattern(5000));
      }
    });
  });

  // Last of those under these labels, since nothing else opens afterwards.
  describe('under labels that require bound ephemerals', () => {
    const expressions = () => [exchange.accounting.name, exchange.board.name, `${exchange.accounting.name} + ${exchange.board.name}`];
    const set = (value) => {
      for (const label of [exchange.accounting, exchange.board]) exchange.alice.program(['label', 'policy', label.name, '--set', `ephemerals=${value}`]);
    };
    before(() => set('required'));
    after(() => set('any'));

    test('the program writes', () => {
      for (const expression of expressions()) {
        const file = exchange.alice.program(['encrypt', expression, '-'], pattern(5000));
        assert.equal(headerObject(file).bound.length, expression.includes('+') ? 2 : 1);
        assert.ok(open(file, exchange.reading).content().equals(pattern(5000)));
        assert.ok(exchange.bob.program(['decrypt', '-'], file).equals(pattern(5000)));
      }
    });

    test('written here', () => {
      for (const expression of expressions()) {
        const label = expression === exchange.accounting.name ? exchange.accounting : exchange.board;
        const file = exchange.write(exchange.alice, label, pattern(5000), { label: expression, bound: true });
        exchange.programReads(exchange.bob, file, pattern(5000));
        const unbound = exchange.write(exchange.alice, label, pattern(5000), { label: expression });
        assert.throws(() => exchange.bob.program(['decrypt', '-'], unbound), /bound to their document/);
      }
    });
  });

  describe('under labels of two services', () => {
    const services = ['example.com', 'example.net'];
    const expression = () => `${exchange.accounting.name} | ${exchange.legal.name}`;

    test('the program writes', () => {
      const { alice, accounting, legal } = exchange;
      const file = alice.program(['encrypt', expression(), '-'], pattern(5000));
      for (const { key } of [accounting, legal]) {
        const document = open(file, { ...exchange.reading, labelKeys: [key] });
        assert.deepEqual(document.header.services, services);
        assert.ok(document.content().equals(pattern(5000)));
      }
    });

    test('written here', () => {
      const file = exchange.write(exchange.alice, exchange.accounting, pattern(5000), { label: expression(), services });
      for (const reader of [exchange.bob, exchange.carol]) exchange.programReads(reader, file, pattern(5000));
    });
  });

  describe('with so many groups that there are index blocks of two levels', () => {
    const content = Buffer.concat([...Array(64).fill(pattern(2 * GROUP)), pattern(3 * GROUP + 5, 2)]);

    test('the program writes', async () => {
      const { alice, accounting } = exchange;
      const path = exchange.stage.write('large', content);
      alice.program(['encrypt', accounting.name, path]);
      const stream = alice.program(['encrypt', accounting.name, '-'], content);
      for (const file of [readFileSync(`${path}.jcd`), stream]) {
        exchange.holds(file, content, alice);
        assert.ok((await collect(decryptStream([file], exchange.reading))).equals(content));
      }
    });

    test('written here', () => {
      for (const layout of ['random', 'stream']) {
        const file = exchange.write(exchange.alice, exchange.accounting, content, { layout });
        exchange.programReads(exchange.bob, file, content);
        assert.ok(exchange.bob.program(['decrypt', '-'], file).equals(content));
      }
    });
  });

  describe('what is unusual, and what is wrong', () => {
    const write = (content, more) => exchange.write(exchange.alice, exchange.accounting, content, more);
    const programReads = (file, content) => exchange.programReads(exchange.bob, file, content);
    const programRefuses = (file, what) => exchange.programRefuses(exchange.bob, file, what);

    test('the program writes without a signature', () => {
      const file = exchange.alice.program(['encrypt', '--unsigned', exchange.accounting.name, '-'], pattern(10));
      assert.throws(() => open(file, exchange.reading), /unknown author/);
      assert.ok(open(file, { ...exchange.reading, anyone: true }).content().equals(pattern(10)));
    });

    test('in other encodings', () => {
      for (const layout of ['random', 'stream']) {
        const file = write(pattern(GROUP + 5), { layout });
        const json = asPureJson(file, headerObject(file));
        programReads(Buffer.from(json), pattern(GROUP + 5));
        programReads(Buffer.from(JSON.stringify(JSON.parse(json), null, 2)), pattern(GROUP + 5));
      }
    });

    test('an empty file is an empty document', () => programReads(Buffer.alloc(0), Buffer.alloc(0)));

    test('by other devices, at other times', () => {
      const { master, profile: { epoch } } = exchange.accounting;
      const device = (more) => newDevice({ master }, { epoch, ...more });
      const expired = issueCredential({ master, device: publicPart(exchange.alice.keys.sign), subject: 'eve', expires: now - 1, epoch });
      for (const more of [
        device({ curve: 'P-256', subject: 'x'.repeat(36) }),
        { ...device({ expires: now - DAY }), time: now - DAY },
        device({ epoch: epoch + 1 }),
        { time: now + DAY - 600 },
      ]) programReads(write(pattern(10), more), pattern(10));
      for (const [more, what] of [
        [{ ...device({ expires: now - DAY }), time: now - DAY + 1 }, 'an expired credential'],
        [{ credential: expired }, 'a credential that expired just now'],
        [{ time: now + DAY + 600 }, 'a time to come'],
        [device({ epoch: epoch - 1 }), 'an earlier epoch'],
        [device({ rights: 0 }), 'no right to write'],
        [newDevice({ master: exchange.board.master }, { epoch }), 'another label\'s master'],
        [{ device: undefined, credential: undefined }, 'no author'],
      ]) programRefuses(write(pattern(10), more), what);
    });

    test('corrupted', () => {
      const content = pattern(GROUP + 5000);
      const file = write(content);
      const table = groupStart(0) + GROUP;
      const places = {
        header: 40, block: groupStart(0) + 5000, 'last byte of the content': groupStart(1) + 4999, table: table + 3, entry: table + 100,
        root: -656 + 14 + 33, size: -656 + 14 + 23, signature: -100, tag: -10,
      };
      for (const [what, offset] of Object.entries(places)) {
        programRefuses(changed(file, offset), what);
        assert.throws(() => open(changed(file, offset), exchange.reading).content(), what);
      }
      for (const length of [1, 2304, 5000, file.length - 656, file.length - 1]) programRefuses(file.subarray(0, length), `cut to ${length}`);
      assert.notEqual(exchange.bob.tryProgram(['decrypt', '-'], changed(file, -100)).status, 0);
    });
  });
});
