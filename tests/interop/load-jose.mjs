// jose (npm): JOSE by somebody else. tests/run.py installs it in tests/interop/jose before any test runs; where it could not, `skip` says so.

import { webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

// jose looks for these among the globals, where Node 18 does not have them.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

function find() {
  try {
    return createRequire(fileURLToPath(new URL('jose/package.json', import.meta.url))).resolve('jose');
  } catch {
    return null;
  }
}

const found = find();

export const jose = found && await import(found);
export const skip = jose ? false : 'jose is not installed: npm ci in tests/interop/jose';
