// Keys, devices and documents for the tests.

import { createHash, generateKeyPairSync } from 'node:crypto';
import { compose, issueCredential, udf } from './jcd.mjs';

export function newKey(curve) {
  const { privateKey } = curve === 'P-256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync(curve.toLowerCase());
  return privateKey.export({ format: 'jwk' });
}

export const publicPart = ({ d, ...open }) => open;

/** A label with its keys. */
export const newLabel = (name, curve = 'X25519', masterCurve = 'Ed25519') => ({
  name, key: newKey(curve), master: newKey(masterCurve),
});

export const accounting = newLabel('Accounting#example.com');
export const board = newLabel('Board#example.com', 'P-256', 'P-256');
export const legal = newLabel('Legal#example.org');
export const audit = newLabel('Audit#example.org', 'P-256');

const NEXT_CENTURY = 4102444800;
const EPOCH = 3;

/** A device that may write what is under `label`: options for compose and commit. */
export function newDevice(label, { curve = 'Ed25519', subject = 'alice@example.com', expires = NEXT_CENTURY, rights = 1, epoch = EPOCH } = {}) {
  const device = newKey(curve);
  return {
    device,
    credential: issueCredential({ master: label.master, device: publicPart(device), subject, expires, rights, epoch }),
  };
}

export const alice = newDevice(accounting);

/** Options to write under an expression of labels. */
export const writing = (expression, labels, more = {}) => ({
  label: expression,
  labelKeys: Object.fromEntries(labels.map((label) => [label.name, publicPart(label.key)])),
  services: ['example.com'],
  name: 'report.odt',
  type: 'application/vnd.oasis.opendocument.text',
  ...alice,
  ...more,
});

/** Options to read with the keys of labels. Of the labels in `known` the reader has the profiles only. */
export const reading = (labels, { known = [accounting, board, legal, audit], ...more } = {}) => ({
  labelKeys: labels.map(({ key }) => key),
  masters: Object.fromEntries(known.map(({ name, master }) => [name, publicPart(master)])),
  epochs: Object.fromEntries(known.map(({ key }) => [udf(key), EPOCH])),
  ...more,
});

export const write = (content, more) => compose(content, writing(accounting.name, [accounting], more));
export const readAccounting = reading([accounting]);

/** Content that is the same in every run. */
export function pattern(size, seed = 1) {
  const content = Buffer.alloc(size);
  for (let offset = 0; offset < size; offset += 32) {
    createHash('sha256').update(`${seed} ${offset}`).digest().copy(content, offset);
  }
  return content;
}
