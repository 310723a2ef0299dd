import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bufferSource, sha256, u64 } from './bytes.mjs';
import {
  applied, applyWrites, commit, commitWrites, groupStart, open, openAttributes, sealAttributes, sizeOf, storedLength, written,
} from './jcd.mjs';
import { aheadFooter, makeRecord, readRecord, writeOf, zerosAt } from './records.mjs';
import { accounting, alice, board, legal, newDevice, newKey, pattern, publicPart, readAccounting, reading, write } from './fixtures.mjs';
import { GROUP, TRAILER, changed, refused, sameContent } from './document-checks.mjs';

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
