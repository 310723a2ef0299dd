// Bound ephemerals (docs/FORMAT.md, 2.3): an ephemeral whose private key has signed what its header is for.

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { b64, members, refuse, unb64 } from './bytes.mjs';

const CONTEXT = 'jcd/1 bound ephemeral\n';
const P = 2n ** 255n - 19n;
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

const signed = (text) => Buffer.from(CONTEXT + text);
const number = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
const mod = (a) => ((a % P) + P) % P;

function power(base, exponent) {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b);
  return result;
}

/** The u of the Ed25519 public key with these 32 bytes. */
function imageOf(edwards) {
  const y = number(edwards) & ((1n << 255n) - 1n);
  const u = mod((1n + y) * power(1n - y, P - 2n));
  return Buffer.from(u.toString(16).padStart(64, '0'), 'hex').reverse();
}

/** A fresh ephemeral that can sign: { secret, jwk, bind(text) }. */
export function boundEphemeral(curve) {
  if (curve === 'P-256') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const bind = (text) => ({ sig: b64(sign('sha256', signed(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })) });
    return { secret: privateKey, jwk: publicKey.export({ format: 'jwk' }), bind };
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d, x } = privateKey.export({ format: 'jwk' });
  const scalar = createHash('sha512').update(unb64(d, 32)).digest().subarray(0, 32);
  scalar[0] &= 0xf8;
  scalar[31] = (scalar[31] & 0x7f) | 0x40;
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8_X25519, scalar]), format: 'der', type: 'pkcs8' });
  return { secret, jwk: createPublicKey(secret).export({ format: 'jwk' }), bind: (text) => ({ key: x, sig: b64(sign(null, signed(text), privateKey)) }) };
}

/** Refuses a `bound` that does not fit the header's ephemerals (JWKs, `epk` first) and the text of its `aad`. */
export function checkBindings(bound, ephemerals, text) {
  if (!Array.isArray(bound) || bound.length !== ephemerals.length) refuse('header: bound');
  bound.forEach((binding, index) => {
    const jwk = ephemerals[index];
    members(binding, jwk.crv === 'X25519' ? ['key', 'sig'] : ['sig'], [], 'binding');
    const signature = unb64(binding.sig, 64);
    if (jwk.crv === 'X25519') {
      if (!imageOf(unb64(binding.key, 32)).equals(unb64(jwk.x, 32))) refuse('binding: the key of another ephemeral');
      const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: binding.key }, format: 'jwk' });
      if (!verify(null, signed(text), key, signature)) refuse('binding: signature');
    } else if (!verify('sha256', signed(text), { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, signature)) {
      refuse('binding: signature');
    }
  });
}
