// Commit records behind documents, by this implementation, as the programs read them. Those of the programs are in exchange-mount.test.mjs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CURVES, Exchange, GROUP, changed } from './exchange.mjs';
import { newDevice, pattern } from './fixtures.mjs';
import { applied, applyWrites, commitWrites, open, sizeOf, written } from './jcd.mjs';
import { reasonToSkip } from './stage.mjs';

// Room in front of the first record, so that more of them fit before they are applied.
const ROOM = { gap: 4 * GROUP };

const at = (offset, length, seed = 9) => ({ writes: [{ offset, data: pattern(length, seed) }] });

/** The size that a document begins with, and commits. */
const CHAINS = {
  'overwritten': [10000, [at(5000, 10)]],
  'grown': [100, [at(90, 30), at(100, 5000)]],
  'grown over a group': [GROUP - 10, [at(GROUP - 20, 5000)]],
  'shrunk': [GROUP + 5000, [{ size: 4500 }, { size: 0 }]],
  'grown by a hole': [5000, [{ size: GROUP + 5000 }, at(GROUP, 10)]],
  'grown by groups written ahead': [5000, [at(5000, 3 * GROUP)]],
  'from nothing': [0, [at(0, 5000)]],
  'a chain': [20000, [at(0, 100), at(19990, 9000, 2), { size: 300 }, at(200, 60000, 3), { size: 9000 }, { size: GROUP + 9000 }]],
};

describe('commit records', { skip: reasonToSkip() }, () => {
  const exchange = new Exchange();
  before(() => exchange.begin());
  after(() => exchange.end());

  for (const curve of CURVES) {
    describe(`under a label on ${curve}`, () => {
      for (const [name, [size, commits]] of Object.entries(CHAINS)) {
        test(name, () => {
          const label = exchange.label(curve);
          const [writer, reader] = exchange.members(curve);
          const reads = (file, content) => exchange.programReads(reader, file, content);
          let state = { file: exchange.write(writer, label, pattern(size)) };
          for (const changes of commits) state = exchange.commit(writer, label, state.file, changes, ROOM);
          const { file, content } = state;
          const document = open(file, exchange.reading);
          assert.ok(document.records.length > 0);
          assert.equal(sizeOf(file.length), null);
          reads(file, content);
          // What a commit left behind that did not finish.
          reads(Buffer.concat([file, Buffer.from('left over')]), content);
          // An apply that was interrupted, one that lost the cut, one that is complete.
          const writes = applyWrites(document);
          for (const part of [writes.slice(0, 1), writes.slice(1), writes]) reads(written(file, part), content);
          reads(applied(document), content);
        });
      }
    });
  }

  const write = (content) => exchange.write(exchange.alice, exchange.accounting, content);
  const commit = (file, changes, more) => exchange.commit(exchange.alice, exchange.accounting, file, changes, more);
  const programReads = (file, content) => exchange.programReads(exchange.bob, file, content);
  const writesOf = (file, changes) => commitWrites(file, open(file, exchange.reading), changes,
    { ...exchange.reading, ...exchange.author(exchange.alice, exchange.accounting) });

  test('cut in the middle of a commit', () => {
    const content = pattern(9000);
    const file = write(content);
    const { ahead, writes: [record, footer] } = writesOf(file, at(8000, 3 * GROUP));
    assert.equal(ahead.length, 2);
    programReads(written(file, ahead.slice(0, 1)), content);
    programReads(written(file, ahead), content);
    programReads(written(written(file, ahead), [{ offset: record.offset, bytes: record.bytes.subarray(0, -1) }]), content);
    programReads(written(file, [...ahead, footer]), content);
    // The record is complete, and its footer is not.
    const next = written(content, [{ offset: 8000, bytes: pattern(3 * GROUP, 9) }]);
    programReads(Buffer.concat([written(file, [...ahead, record]), Buffer.alloc(40)]), next);
  });

  // It counts by docs/FORMAT.md (6, Reading), where a footer is a hint.
  test('a record with nothing behind it', () => {
    const file = write(pattern(9000));
    const { writes: [record] } = writesOf(file, at(8000, 10));
    programReads(written(file, [record]), written(pattern(9000), [{ offset: 8000, bytes: pattern(10, 9) }]));
  });

  test('a header that was replaced', () => {
    const { accounting, board, labelKeys, bob } = exchange;
    const header = { label: `${accounting.name} | ${board.name}`, labelKeys };
    const carol = newDevice({ master: board.master }, { epoch: board.profile.epoch, subject: 'carol@example.com' });
    const wrapped = commit(write(pattern(9000)), { header, newKey: true }, carol);
    assert.deepEqual(open(wrapped.file, exchange.reading).trailer.entries.map(({ kind }) => kind), [2, 3]);
    programReads(wrapped.file, pattern(9000));
    programReads(Buffer.concat([wrapped.file, Buffer.from('left over')]), pattern(9000));
    const next = exchange.commit(bob, board, wrapped.file, at(10, 5));
    programReads(next.file, next.content);
    const rewritten = exchange.commit(bob, board, next.file, { header, rewrite: true });
    programReads(rewritten.file, next.content);
  });

  test('changed', () => {
    const { file, content } = commit(write(pattern(5000)), at(0, 10));
    const [{ position, end }] = open(file, exchange.reading).records;
    // A footer is a hint, a record counts when it verifies.
    for (const offset of [end, file.length - 1]) programReads(changed(file, offset), content);
    for (const offset of [position, position + 40, end - 100, end - 1]) programReads(changed(file, offset), pattern(5000));
  });
});
