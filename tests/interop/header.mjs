// 2: the header, its JWE, and the keys of labels.

import {
  createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, randomBytes,
} from 'node:crypto';
import { b64, canonical, members, orRefuse, refuse, seal, sha256, sha512, u32, unb64, unseal, utf8 } from './bytes.mjs';
import { boundEphemeral, checkBindings } from './binding.mjs';
import { HEADER, SLOT } from './geometry.mjs';

const HEADER_TEXT = HEADER - SLOT - 1;
const PROTECTED = b64('{"enc":"A256GCM"}');
const ECDH = 'ECDH-ES+A256KW';
const P256 = 'jcd+P256';
const AND = 'jcd+AND';
const DOMAIN = /^[a-z0-9.-]+(:[0-9]+)?$/;

export const publicKey = (jwk) => createPublicKey({ key: jwk, format: 'jwk' });
export const privateKey = (jwk) => createPrivateKey({ key: jwk, format: 'jwk' });

// ---- Fingerprints (2.1)

export function udf(jwk) {
  const spki = publicKey(jwk).export({ type: 'spki', format: 'der' });
  const x = sha512('application/pkix-keyinfo:', sha512(spki));
  const bits = [...x].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const zeros = bits.length - (bits.lastIndexOf('1') + 1);
  const version = 96 + [20, 30, 40, 50].filter((least) => zeros >= least).length;
  const text = (version.toString(2).padStart(8, '0') + bits).slice(0, 140).match(/.{5}/g)
    .map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[parseInt(five, 2)]).join('');
  return text.match(/.{4}/g).join('-');
}

// ---- Label expressions

const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const sortedSet = (texts) => [...new Set(texts)].sort(byBytes);

/** The alternatives of an expression in canonical form, each a list of labels. */
export function alternatives(expression) {
  if (typeof expression !== 'string') refuse('label: not a string');
  const lists = expression.split(' | ').map((alternative) => alternative.split(' + '));
  if (lists.flat().includes('') || canonicalLabel(expression) !== expression) refuse('label: not in canonical form');
  return lists;
}

export const canonicalLabel = (expression) => sortedSet(
  expression.split('|').map((alternative) => sortedSet(alternative.split('+').map((label) => label.trim())).join(' + ')),
).join(' | ');

// ---- Key agreement and wrapping

const FIELD = 2n ** 255n - 19n;

function power(base, exponent) {
  let result = 1n;
  for (let square = base % FIELD; exponent > 0n; exponent >>= 1n, square = (square * square) % FIELD) {
    if (exponent & 1n) result = (result * square) % FIELD;
  }
  return result;
}

function checkX25519(bytes) {
  const u = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  if (u >= FIELD) refuse('ephemeral key: not canonical');
  if (u === 0n) refuse('ephemeral key: zero');
  // v² = u³ + 486662u² + u has a solution on the curve, and none on the twist (Euler).
  const square = (u * u * u + 486662n * u * u + u) % FIELD;
  if (power(square, (FIELD - 1n) / 2n) !== 1n) refuse('ephemeral key: on the twist');
}

function ephemeralKey(jwk) {
  if (jwk?.crv === 'X25519') {
    members(jwk, ['crv', 'kty', 'x'], [], 'ephemeral key');
    if (jwk.kty !== 'OKP') refuse('ephemeral key: kty');
    checkX25519(unb64(jwk.x, 32));
  } else {
    members(jwk, ['crv', 'kty', 'x', 'y'], [], 'ephemeral key');
    if (jwk.kty !== 'EC' || jwk.crv !== 'P-256') refuse('ephemeral key: curve');
    unb64(jwk.x, 32);
    unb64(jwk.y, 32);
  }
  return orRefuse('ephemeral key: not on the curve', () => publicKey(jwk));
}

/** Concat KDF of RFC 7518, 4.6.2 with empty apu and apv; one round gives the 256 bits. */
export function keyEncryptionKey(ours, theirs) {
  const secret = orRefuse('key agreement failed', () => diffieHellman({ privateKey: ours, publicKey: theirs }));
  return sha256(u32(1), secret, u32(ECDH.length), ECDH, u32(0), u32(0), u32(256));
}

const WRAP_IV = Buffer.alloc(8, 0xa6);

function wrapKey(kek, key) {
  const cipher = createCipheriv('id-aes256-wrap', kek, WRAP_IV);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

export function unwrapKey(kek, wrapped) {
  return orRefuse('wrapped key: does not verify', () => {
    const cipher = createDecipheriv('id-aes256-wrap', kek, WRAP_IV);
    return Buffer.concat([cipher.update(wrapped), cipher.final()]);
  });
}

const xor = (a, b) => Buffer.from(a.map((byte, index) => byte ^ b[index]));

// ---- Reading

/** The header object, checked as far as that goes without a key. */
export function checkHeader(object) {
  members(object, ['jcd', 'jwe', 'label', 'services', 'suite', 'uid'], ['bound'], 'header');
  if (object.jcd !== 1 || object.suite !== 1) refuse('header: unknown version or suite');
  const { services, jwe, label } = object;
  if (!Array.isArray(services) || !services.length || services.some((domain) => typeof domain !== 'string' || !DOMAIN.test(domain))
    || canonical(sortedSet(services)) !== canonical(services)) refuse('header: services');
  const text = canonical(object);
  const expression = alternatives(label);
  const header = {
    object, text, label, services, expression,
    uid: unb64(object.uid, 16),
    digest: sha256(text),
    recipients: checkJwe(jwe, expression),
  };
  const authenticated = authenticatedText(object, header.recipients);
  if (jwe.aad !== b64(sha256(authenticated))) refuse('header: aad does not fit');
  if (object.bound !== undefined) {
    const { epk, epk2 } = jwe.unprotected;
    checkBindings(object.bound, epk2 === undefined ? [epk] : [epk, epk2], authenticated);
  }
  return header;
}

/** Checks the JWE's form, and gives its recipients with what each of them needs to be opened. */
function checkJwe(jwe, expression) {
  members(jwe, ['aad', 'ciphertext', 'iv', 'protected', 'recipients', 'tag', 'unprotected'], [], 'jwe');
  if (jwe.protected !== PROTECTED) refuse('jwe: protected header');
  const shared = jwe.unprotected;
  members(shared, ['epk'], ['alg', 'epk2'], 'jwe: unprotected header');
  const ephemeral = { [shared.epk?.crv]: ephemeralKey(shared.epk) };
  if (shared.epk2 !== undefined) {
    ephemeral[shared.epk2?.crv] = ephemeralKey(shared.epk2);
    if (shared.epk.crv !== 'X25519' || shared.epk2.crv !== 'P-256') refuse('jwe: curves of the ephemeral keys');
  }
  if (!Array.isArray(jwe.recipients) || jwe.recipients.length !== expression.length) refuse('jwe: number of recipients');
  const recipients = jwe.recipients.map((recipient, index) => {
    members(recipient, ['encrypted_key', 'header'], [], 'jwe: recipient');
    const { header } = recipient;
    const several = expression[index].length > 1;
    members(header, [several ? 'kids' : 'kid'], ['alg'], 'jwe: recipient header');
    if (Object.hasOwn(header, 'alg') && Object.hasOwn(shared, 'alg')) refuse('jwe: alg in two places');
    const alg = header.alg ?? shared.alg;
    const letters = several && shared.epk2 ? new RegExp(`^jcd\\+AND\\+([XP]{${expression[index].length}})$`).exec(alg)?.[1] : '';
    if (several ? alg !== AND + (letters && `+${letters}`) : alg !== ECDH && !(alg === P256 && shared.epk2)) refuse('jwe: alg');
    const kids = several ? header.kids : [header.kid];
    if (!Array.isArray(kids) || kids.length !== expression[index].length) refuse('jwe: kids');
    if (!kids.every((kid) => typeof kid === 'string' && /^[A-Z2-7]{4}(-[A-Z2-7]{4}){6}$/.test(kid))) refuse('jwe: kid');
    const wraps = unb64(recipient.encrypted_key, 40 * kids.length);
    const curves = kids.map((_, part) => (alg === P256 || letters[part] === 'P' ? 'P-256' : shared.epk.crv));
    return { alg, kids, curves, ephemeral, wraps: kids.map((_, part) => wraps.subarray(40 * part, 40 * part + 40)) };
  });
  const used = recipients.flatMap(({ curves }) => curves);
  if (Object.keys(ephemeral).some((curve) => !used.includes(curve))) refuse('jwe: ephemeral key without a label');
  return recipients;
}

const authenticatedText = ({ uid, label, services }, recipients) => `jcd/1\n1\n${uid}\n${label}\n${services.join(',')}\n`
  + recipients.map(({ alg, kids }) => `${alg} ${kids.join(',')}\n`).join('');

/** The keys that a header has for a label of its expression, as UDFs. */
export const kidsOf = ({ expression, recipients }, label) => expression.flatMap((labels, alternative) => (
  labels.flatMap((name, index) => (name === label ? [recipients[alternative].kids[index]] : []))));

/** The wrapper, opened with the private keys (JWKs) of labels. */
export function openHeader(header, labelKeys) {
  const byKid = new Map(labelKeys.map((jwk) => [udf(jwk), jwk]));
  const recipient = header.recipients.find(({ kids }) => kids.every((kid) => byKid.has(kid)));
  if (!recipient) refuse('no key for any alternative of the label');
  const shares = recipient.kids.map((kid, index) => {
    const jwk = byKid.get(kid);
    if (recipient.curves[index] !== jwk.crv) refuse('jwe: another curve than that of the label');
    return unwrapKey(keyEncryptionKey(privateKey(jwk), recipient.ephemeral[jwk.crv]), recipient.wraps[index]);
  });
  const { jwe } = header.object;
  const sealed = { nonce: unb64(jwe.iv, 12), sealed: unb64(jwe.ciphertext), tag: unb64(jwe.tag, 16) };
  const plain = unseal(shares.reduce(xor), Buffer.from(`${jwe.protected}.${jwe.aad}`), sealed, 'jwe');
  return checkWrapper(orRefuse('wrapper: not JSON', () => JSON.parse(utf8(plain))), header);
}

export function checkWrapper(wrapper, header) {
  members(wrapper, ['keys', 'uid'], ['name', 'type'], 'wrapper');
  if (wrapper.uid !== header.object.uid) refuse('wrapper: uid does not fit');
  for (const name of ['name', 'type']) if (!['undefined', 'string'].includes(typeof wrapper[name])) refuse(`wrapper: ${name}`);
  if (!Array.isArray(wrapper.keys)) refuse('wrapper: keys');
  return { name: wrapper.name, type: wrapper.type, dataKeys: checkDataKeys(wrapper.keys) };
}

/** [{k: b64, n}] as [{n, key}]. */
export function checkDataKeys(keys) {
  if (keys.length < 1 || keys.length > 4) refuse('wrapper: number of data keys');
  let before = 0;
  return keys.map((dataKey) => {
    members(dataKey, ['k', 'n'], [], 'wrapper: data key');
    const { k, n } = dataKey;
    if (!Number.isInteger(n) || n <= before || n > 0xffffffff) refuse('wrapper: numbers of data keys');
    before = n;
    return { n, key: unb64(k, 32) };
  });
}

// ---- Writing

function freshEphemeral(curve) {
  const { publicKey: open, privateKey: secret } = curve === 'X25519'
    ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { secret, jwk: open.export({ format: 'jwk' }) };
}

/**
 * Makes a header for `label`, an expression; `labelKeys` are the public keys (JWKs) of its labels, by name. The type and then the name
 * are left out when the header would not fit. `bound`: its ephemerals sign what they are for.
 */
export function makeHeader({ uid, label, labelKeys, services, name, type, dataKeys, bound = false }) {
  const parts = { uid: b64(uid), label: canonicalLabel(label), services: sortedSet(services) };
  for (const attributes of [{ name, type }, { name }, {}]) {
    const header = buildHeader(parts, labelKeys, attributes, dataKeys, bound);
    if (Buffer.byteLength(header.text) <= HEADER_TEXT) return header;
  }
  return refuse('the header is too large');
}

function buildHeader(parts, labelKeys, attributes, dataKeys, bound) {
  const expression = alternatives(parts.label)
    .map((labels) => labels.map((label) => labelKeys[label] ?? refuse(`no key of label ${label}`)));
  const curves = ['X25519', 'P-256'].filter((curve) => expression.flat().some((jwk) => jwk.crv === curve));
  const ephemeral = Object.fromEntries(curves.map((curve) => [curve, bound ? boundEphemeral(curve) : freshEphemeral(curve)]));
  const contentKey = randomBytes(32);
  const wrapFor = (jwk, key) => wrapKey(keyEncryptionKey(ephemeral[jwk.crv].secret, publicKey(jwk)), key);

  const recipients = expression.map((keys) => {
    const kids = keys.map(udf);
    if (keys.length === 1) {
      const alg = curves.length === 2 && keys[0].crv === 'P-256' ? P256 : ECDH;
      return { alg, kids, header: { kid: kids[0] }, encrypted: wrapFor(keys[0], contentKey) };
    }
    const shares = keys.slice(1).map(() => randomBytes(32));
    shares.push(shares.reduce(xor, contentKey));
    const letters = keys.map(({ crv }) => (crv === 'P-256' ? 'P' : 'X')).join('');
    return { alg: curves.length === 2 ? `${AND}+${letters}` : AND, kids, header: { kids }, encrypted: Buffer.concat(keys.map((jwk, index) => wrapFor(jwk, shares[index]))) };
  });

  const unprotected = { epk: ephemeral[curves[0]].jwk };
  if (curves.length === 2) unprotected.epk2 = ephemeral['P-256'].jwk;
  if (recipients.every(({ alg }) => alg === recipients[0].alg)) unprotected.alg = recipients[0].alg;
  else for (const recipient of recipients) recipient.header.alg = recipient.alg;

  const authenticated = authenticatedText(parts, recipients);
  const aad = b64(sha256(authenticated));
  const wrapper = { keys: dataKeys.map(({ n, key }) => ({ k: b64(key), n })), uid: parts.uid };
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) wrapper[name] = value;
  const { nonce, sealed, tag } = seal(contentKey, Buffer.from(`${PROTECTED}.${aad}`), canonical(wrapper));
  return checkHeader({
    jcd: 1, suite: 1, ...parts,
    ...(bound ? { bound: curves.map((curve) => ephemeral[curve].bind(authenticated)) } : {}),
    jwe: {
      aad, ciphertext: b64(sealed), iv: b64(nonce), protected: PROTECTED, tag: b64(tag), unprotected,
      recipients: recipients.map(({ header, encrypted }) => ({ encrypted_key: b64(encrypted), header })),
    },
  });
}

// ---- As it stands in the file (1)

/** The first 2304 bytes of a file; `slot` is the framing of the data. */
export function headerRegion(header, slot) {
  const region = Buffer.alloc(HEADER, ' ');
  region[0] = '['.charCodeAt(0);
  region.write(header.text, 1);
  slot.copy(region, HEADER - SLOT);
  return region;
}

/** The header object in the first 2304 bytes of a file; null when they are not laid out as 1 says, or not canonical. */
export function headerObject(region) {
  if (region.length < HEADER || region[0] !== 0x5b) return null;
  try {
    const text = utf8(region.subarray(1, HEADER - SLOT)).replace(/ +$/, '');
    const object = JSON.parse(text);
    return canonical(object) === text ? object : null;
  } catch {
    return null;
  }
}
