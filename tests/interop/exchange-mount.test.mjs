// Documents that a real mount and this implementation change by turns: each reads what the other one left, with commit records that have
// been applied, that wait while a file is open, and that a killed mount leaves behind.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync, copyFileSync, fsyncSync, ftruncateSync, openSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { CURVES, Exchange, GROUP, changed } from './exchange.mjs';
import { pattern } from './fixtures.mjs';
import { sha256 } from './bytes.mjs';
import {
  applied, fileSource, groupStart, headerObject, open, openAttributes, sealAttributes, storedName, written,
} from './jcd.mjs';
import { jose, skip as skipJose } from './load-jose.mjs';
import { reasonToSkipMounts } from './stage.mjs';

// Extended attributes, by the programs for them: Node has no calls.
const attr = (program, ...args) => {
  const { status, stdout, stderr } = spawnSync(program, args);
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
};
const getAttribute = (path, name) => attr('getfattr', '--absolute-names', '--only-values', '-n', name, path);
const setAttribute = (path, name, value) => attr('setfattr', '-n', name, '-v', `0x${value.toString('hex')}`, path);
const removeAttribute = (path, name) => attr('setfattr', '-x', name, path);
const attributeNames = (path) => attr('getfattr', '--absolute-names', '-m', '^user', path).toString().split('\n').filter((line) => line.startsWith('user.'));
const reasonToSkipAttributes = () => (spawnSync('setfattr', ['--version']).error ? 'needs setfattr' : false);

/** Content after writes of {offset, data}, cut or grown to a size. */
function edited(content, { writes = [], size }) {
  const next = written(content, writes.map(({ offset, data }) => ({ offset, bytes: data })));
  return size === undefined ? next : Buffer.concat([next.subarray(0, size), Buffer.alloc(Math.max(0, size - next.length))]);
}

/** An open file in a mount, changed as its content here is. */
class OpenFile {
  constructor(path, content) {
    this.content = content;
    this.file = openSync(path, 'r+');
  }

  write(offset, length, seed) {
    const data = pattern(length, seed);
    writeSync(this.file, data, 0, length, offset);
    this.content = edited(this.content, { writes: [{ offset, data }] });
  }

  truncate(size) {
    ftruncateSync(this.file, size);
    this.content = edited(this.content, { size });
  }

  sync() { fsyncSync(this.file); }
  close() { closeSync(this.file); }
}

/** The size that a file begins with, and what is done to it. */
const EDITS = {
  overwritten: [700001, (file) => { for (let i = 0; i < 20; i++) file.write((i * 104729) % 690000, 1 + i * 301, i); }],
  appended: [4000, (file) => { for (let i = 0; i < 5; i++) file.write(file.content.length, 3000 * i + 1, i); }],
  'grown over groups': [GROUP - 5, (file) => file.write(GROUP - 5, 2 * GROUP + 9, 3)],
  truncated: [700001, (file) => file.truncate(5000)],
  emptied: [9000, (file) => file.truncate(0)],
  'from nothing': [0, (file) => file.write(0, 5000, 2)],
  'one block': [4096, (file) => file.write(100, 200, 2)],
  'grown by a hole': [100, (file) => { file.truncate(2 * GROUP + 77); file.write(GROUP + 50000, 10, 4); }],
  'cut and grown': [700001, (file) => {
    file.truncate(600000);
    file.sync();
    file.truncate(650000);
    file.sync();
    file.write(640000, 90000, 5);
  }],
  'many commits': [50000, (file) => { for (let i = 0; i < 12; i++) { file.write(i * 4000, 500, i); file.sync(); } }],
};

/** What this implementation does to a document of `size` bytes in its turn. */
const CHANGES = [
  (size, turn) => ({ writes: [{ offset: Math.floor(size / 2), data: pattern(10000, turn) }] }),
  (size) => ({ size: Math.floor(size / 3) }),
  (size, turn) => ({ writes: [{ offset: size, data: pattern(GROUP + 4000, turn) }] }),
  (size, turn) => ({ writes: [{ offset: 10, data: pattern(5, turn) }], size: size + 70000 }),
];

/** What a mount does in its turn. */
const TURNS = [
  (file, turn) => file.write(Math.floor(file.content.length / 4), 9000, turn),
  (file, turn) => file.write(file.content.length, 30000, turn),
  (file) => file.truncate(Math.floor(file.content.length / 2)),
  (file, turn) => { file.truncate(file.content.length + 5000); file.sync(); file.write(5, 4096, turn); },
];

describe('documents between a mount and this implementation', { skip: reasonToSkipMounts() }, () => {
  const exchange = new Exchange();
  before(() => exchange.begin());
  after(() => exchange.end());

  for (const curve of CURVES) {
    describe(`under a label on ${curve}`, () => {
      let label;
      let mounter;
      let other;
      let share;
      let point;
      let mount = null;
      before(() => {
        label = exchange.label(curve);
        [mounter, other] = exchange.members(curve);
        share = exchange.stage.folder(curve, 'share');
        point = exchange.stage.folder(curve, 'mount');
      });
      afterEach(() => mount?.kill());

      const begin = async () => { mount = await exchange.stage.mount(mounter, share, point, label.name); };
      const end = async (how = 'end') => {
        await mount[how]();
        mount = null;
      };
      const stored = (name) => join(share, `${name}.jcd`);
      const holds = (name, content, author = mounter) => exchange.holds(readFileSync(stored(name)), content, author);
      const shows = (name, content) => {
        assert.equal(statSync(join(point, name)).size, content.length, name);
        assert.ok(readFileSync(join(point, name)).equals(content), `${name}: other bytes`);
      };
      const make = (name, content) => {
        writeFileSync(join(point, name), content);
        const file = new OpenFile(join(point, name), content);
        file.sync();
        return file;
      };

      test('modified in the mount, read here: while it is open, and when it is unmounted', async (t) => {
        const files = new Map();
        let records = 0;
        await begin();
        for (const [name, [size, edit]] of Object.entries(EDITS)) {
          const file = make(name, pattern(size));
          holds(name, file.content);
          edit(file);
          file.sync();
          records += holds(name, file.content).records.length;
          files.set(name, file);
        }
        for (const file of files.values()) file.close();
        await end();
        t.diagnostic(`${records} commit records were read`);
        assert.ok(records > 0);
        for (const [name, { content }] of files) assert.equal(holds(name, content).records.length, 0);
        const names = readdirSync(share).filter((name) => !name.startsWith('.'));
        assert.deepEqual(names.sort(), Object.keys(EDITS).map((name) => `${name}.jcd`).sort());
      });

      test('jose opens the header of a document on the share, and what it yields is enough', { skip: skipJose }, async () => {
        await begin();
        make('secret', pattern(9000)).close();
        await end();
        const file = readFileSync(stored('secret'));
        const { jwe } = headerObject(file);
        const { plaintext } = await jose.generalDecrypt(jwe, await jose.importJWK(label.key, 'ECDH-ES+A256KW'));
        const { keys } = JSON.parse(Buffer.from(plaintext).toString());
        assert.ok(open(file, { ...exchange.reading, labelKeys: [], dataKeys: keys }).content().equals(pattern(9000)));
      });

      test('what a killed mount leaves behind', async (t) => {
        const states = new Map();
        await begin();
        for (const [name, [size, edit]] of Object.entries(EDITS)) {
          const file = make(`killed ${name}`, pattern(size));
          edit(file);
          file.sync();
          const synced = file.content;
          // Not committed, unless the mount does so by itself.
          file.write(50, 100, 77);
          states.set(`killed ${name}`, { file, synced });
        }
        await end('kill');
        let records = 0;
        for (const [name, { file, synced }] of states) {
          try { file.close(); } catch { /* the mount is gone */ }
          const document = open(readFileSync(stored(name)), exchange.reading);
          records += document.records.length;
          const found = document.content();
          assert.ok(found.equals(synced) || found.equals(file.content), `${name}: neither the state before nor the one after`);
        }
        t.diagnostic(`${records} commit records were read`);
        assert.ok(records > 0);
      });

      test('written here, read and modified in the mount', async () => {
        const content = pattern(700001, 2);
        const file = exchange.write(other, label, content);
        const withRecord = exchange.commit(other, label, file, { writes: [{ offset: 300, data: pattern(5000, 6) }], size: 600000 });
        const cases = {
          plain: [file, content],
          stream: [exchange.write(other, label, content, { layout: 'stream' }), content],
          record: [withRecord.file, withRecord.content],
          applied: [applied(open(withRecord.file, exchange.reading)), withRecord.content],
          block: [exchange.write(other, label, pattern(4096)), pattern(4096)],
          nothing: [exchange.write(other, label, Buffer.alloc(0)), Buffer.alloc(0)],
          empty: [Buffer.alloc(0), Buffer.alloc(0)],
        };
        for (const [name, [bytes]] of Object.entries(cases)) writeFileSync(stored(name), bytes);
        copyFileSync(stored('plain'), stored('copy'));
        const bad = {
          corrupt: changed(file, groupStart(0) + 5000),
          unsigned: exchange.write(other, label, content, { device: undefined, credential: undefined }),
        };
        for (const [name, bytes] of Object.entries(bad)) writeFileSync(stored(name), bytes);
        await begin();
        for (const [name, [, expected]] of Object.entries(cases)) shows(name, expected);
        shows('copy', content);
        for (const name of Object.keys(bad)) assert.throws(() => readFileSync(join(point, name)), /EIO|EACCES/, name);
        const modified = Object.entries(cases).map(([name, [, before]]) => {
          truncateSync(join(point, name), 610000);
          const opened = new OpenFile(join(point, name), edited(before, { size: 610000 }));
          opened.write(605000, 9000, 8);
          opened.close();
          return [name, opened.content];
        });
        await end();
        for (const [name, expected] of modified) holds(name, expected);
        holds('copy', content, other);
      });

      test('changed by turns, with commit records of both', async (t) => {
        const names = ['first', 'second', 'third', 'fourth'];
        const contents = new Map(names.map((name, index) => [name, pattern([0, 4096, 300000, 2 * GROUP + 5][index])]));
        for (const [name, content] of contents) writeFileSync(stored(name), exchange.write(other, label, content));
        const met = { 'records of the mount': 0, 'records of both': 0 };
        for (let turn = 0; turn < 8; turn++) {
          await begin();
          for (const [index, name] of names.entries()) {
            shows(name, contents.get(name));
            const file = new OpenFile(join(point, name), contents.get(name));
            TURNS[(turn + index) % TURNS.length](file, turn);
            file.sync();
            contents.set(name, file.content);
            if (turn % 2) file.close();
          }
          // Killed with the files open, a mount has not applied its records.
          await end(turn % 2 ? 'end' : 'kill');
          for (const [index, name] of names.entries()) {
            const { records, size } = holds(name, contents.get(name));
            const changes = CHANGES[(turn + 2 * index) % CHANGES.length](size, turn);
            const next = exchange.commit(other, label, readFileSync(stored(name)), changes);
            const document = exchange.holds(next.file, edited(contents.get(name), changes), other);
            if (records.length) met['records of the mount']++;
            if (records.length && document.records.length > records.length) met['records of both']++;
            writeFileSync(stored(name), (turn + index) % 3 ? next.file : applied(document));
            contents.set(name, next.content);
          }
        }
        t.diagnostic(JSON.stringify(met));
        for (const [what, count] of Object.entries(met)) assert.ok(count > 0, `no document had ${what}`);
      });

      test('attributes that were set in the mount, and ones that were sealed here', { skip: reasonToSkipAttributes() }, async () => {
        const values = new Map([['comment', Buffer.from('for the board')], ['empty', Buffer.alloc(0)], ['\x80\xff', pattern(300)]]);
        await begin();
        make('attributed', pattern(9000)).close();
        for (const [name, value] of values) if (name !== '\x80\xff') setAttribute(join(point, 'attributed'), `user.${name}`, value);
        await end();

        const document = holds('attributed', pattern(9000));
        const [kept, ...others] = attributeNames(stored('attributed'));
        assert.deepEqual(others, []);
        assert.equal(kept, storedName(document.trailer.attributes));
        const sealed = getAttribute(stored('attributed'), kept);
        assert.deepEqual(openAttributes(document, sealed), new Map([...values].slice(0, 2)));
        for (const at of [0, 5, 10, 30, sealed.length - 1]) assert.throws(() => openAttributes(document, changed(sealed, at)), /attributes/);
        assert.throws(() => openAttributes(document), /missing/);

        exchange.programReads(other, readFileSync(stored('attributed')), pattern(9000));
        assert.match(other.program(['inspect', stored('attributed')]).toString(), /^attributes +sealed, SHA-256 [0-9a-f]{64}$/m);

        const own = sealAttributes(document, values);
        const changes = { attributes: sha256(own) };
        const next = exchange.commit(other, label, readFileSync(stored('attributed')), changes);
        assert.deepEqual(openAttributes(open(next.file, exchange.reading), own), values);
        writeFileSync(stored('attributed'), next.file);
        setAttribute(stored('attributed'), storedName(changes.attributes), own);
        removeAttribute(stored('attributed'), kept);
        await begin();
        shows('attributed', pattern(9000));
        assert.equal(getAttribute(join(point, 'attributed'), 'user.comment').toString(), 'for the board');
        assert.equal(getAttribute(join(point, 'attributed'), 'user.empty').length, 0);
        assert.equal(getAttribute(join(point, 'attributed'), 'user.jcd.signer').toString(), other.account);
        removeAttribute(join(point, 'attributed'), 'user.comment');
        await end();
        const left = holds('attributed', pattern(9000));
        const last = openAttributes(left, getAttribute(stored('attributed'), storedName(left.trailer.attributes)));
        assert.deepEqual(last, new Map([...values].slice(1)));
      });

      test('so large that there are index blocks of three levels, and mostly a hole', async () => {
        const size = 17_000_000_000;
        const places = [0, 64 * 2 ** 20 - 100, 2 ** 33 - 3000, 2 ** 33 + 50000, 16e9, size - 5000];
        await begin();
        writeFileSync(join(point, 'huge'), '');
        const file = openSync(join(point, 'huge'), 'r+');
        ftruncateSync(file, size);
        for (const [seed, place] of places.entries()) writeSync(file, pattern(5000, seed), 0, 5000, place);
        fsyncSync(file);
        const reads = () => {
          const source = fileSource(stored('huge'));
          const document = open(source, exchange.reading);
          assert.equal(document.size, size);
          assert.equal(document.geometry.top, 3);
          for (const [seed, place] of places.entries()) assert.ok(document.read(place, 5000).equals(pattern(5000, seed)), `${place}`);
          for (const place of [5000, 12e9]) assert.ok(document.read(place, 9000).equals(Buffer.alloc(9000)), `${place}`);
          source.close();
        };
        reads();
        closeSync(file);
        await end();
        reads();
        assert.ok(statSync(stored('huge')).blocks * 512 < 2 ** 21);
      });

      test('a header that was replaced here, by a wider label and under a new key', async () => {
        const { accounting, board, labelKeys } = exchange;
        const header = { label: `${accounting.name} | ${board.name}`, labelKeys };
        const file = exchange.write(other, label, pattern(300000));
        const wrapped = exchange.commit(other, label, file, { header, newKey: true });
        writeFileSync(stored('wrapped'), wrapped.file);
        await begin();
        shows('wrapped', pattern(300000));
        const opened = new OpenFile(join(point, 'wrapped'), pattern(300000));
        opened.write(1000, 20, 3);
        opened.close();
        await end();
        const document = holds('wrapped', opened.content);
        assert.equal(document.header.label, header.label);
        assert.equal(document.trailer.keyNumber, 2);
      });
    });
  }
});
