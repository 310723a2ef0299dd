// What the exchange tests begin with: a service, alice, who owns a label on each curve, and bob, whose keys are on P-256 and who is a
// member of both labels; carol, who owns a label at another service; what this implementation reads and writes with the keys of these
// labels, and what the programs make of it.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { publicPart } from './fixtures.mjs';
import { commit, compose, open } from './jcd.mjs';
import { Member, Stage, newLabel } from './stage.mjs';

export const GROUP = 524288;
export const CURVES = ['X25519', 'P-256'];

export class Exchange {
  #count = 0;

  async begin() {
    this.stage = new Stage();
    const [com, net] = [await this.stage.serve('example.com'), await this.stage.serve('example.net')];
    this.alice = new Member('alice', com);
    this.bob = new Member('bob', com, '--curve', 'p256');
    this.carol = new Member('carol', net);
    for (const [member, other] of [[this.alice, this.bob], [this.bob, this.alice], [this.alice, this.carol], [this.carol, this.alice]]) {
      if (other.service !== member.service) member.add(other.service);
      member.trust(other);
    }
    this.accounting = newLabel('Accounting#example.com', this.alice, [this.bob]);
    this.board = newLabel('Board#example.com', this.alice, [this.bob], '--curve', 'p256');
    this.legal = newLabel('Legal#example.net', this.carol, []);
    const labels = [this.accounting, this.board, this.legal];
    const byName = (value) => Object.fromEntries(labels.map((label) => [label.name, value(label)]));
    this.labelKeys = byName(({ key }) => publicPart(key));
    /** For `open`. */
    this.reading = {
      labelKeys: labels.map(({ key }) => key),
      masters: byName(({ master }) => publicPart(master)),
      epochs: Object.fromEntries(labels.map(({ kid, profile }) => [kid, profile.epoch])),
    };
  }

  end() { this.stage?.end(); }

  label(curve) { return curve === 'X25519' ? this.accounting : this.board; }

  /** Who writes under the label on a curve, and who reads what they wrote: each with a device of the same curve. */
  members(curve) { return curve === 'X25519' ? [this.alice, this.bob] : [this.bob, this.alice]; }

  /** For `compose` and `commit`: a member's device, with the credential that the service gave it. */
  author(member, label) { return { device: member.keys.sign, credential: label.credentials.get(member) }; }

  writing(member, label, more) {
    return {
      label: label.name, labelKeys: this.labelKeys, services: ['example.com'], name: 'report.odt', ...this.author(member, label), ...more,
    };
  }

  /** A document by this implementation. */
  write(member, label, content, more) { return compose(content, this.writing(member, label, more)); }

  /** A document with a commit by this implementation, and what it then holds. */
  commit(member, label, file, changes, more) {
    const next = commit(file, open(file, this.reading), changes, { ...this.reading, ...this.author(member, label), ...more });
    return { file: next, content: open(next, this.reading).content() };
  }

  /** This implementation reads a file: it has this content, and an author. */
  holds(file, content, member) {
    const document = open(file, this.reading);
    assert.equal(document.size, content.length);
    assert.ok(document.content().equals(content), 'other bytes');
    if (member) {
      assert.equal(document.author, member.account);
      assert.deepEqual(document.trailer.author.key, publicPart(member.keys.sign));
    }
    return document;
  }

  #decrypt(member, file) {
    const name = `decrypted-${this.#count++}`;
    this.stage.write(`${name}.jcd`, file);
    return { ...member.tryProgram(['decrypt', `${name}.jcd`]), output: this.stage.path(name) };
  }

  /** The program of a member reads a file: it has this content. */
  programReads(member, file, content) {
    const { status, stderr, output } = this.#decrypt(member, file);
    assert.equal(status, 0, stderr);
    assert.ok(readFileSync(output).equals(content), 'other bytes');
  }

  programRefuses(member, file, what) {
    const { status, output } = this.#decrypt(member, file);
    assert.notEqual(status, 0, `taken for good: ${what}`);
    assert.ok(!existsSync(output), `left an output file: ${what}`);
  }
}

export async function collect(source) {
  const parts = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

export function changed(file, offset) {
  const copy = Buffer.from(file);
  copy[offset < 0 ? copy.length + offset : offset] ^= 1;
  return copy;
}
