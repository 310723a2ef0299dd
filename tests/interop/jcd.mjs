// The document format, docs/FORMAT.md, a second time: written from that page alone, to test the page and the program against.

export { openAttributes, sealAttributes, storedName } from './attributes.mjs';
export { Refused, bufferSource, fileSource } from './bytes.mjs';
export { asPureJson, parseValue } from './encodings.mjs';
export { Geometry, groupStart, sizeOf, storedLength } from './geometry.mjs';
export { alternatives, canonicalLabel, checkHeader, headerObject, makeHeader, openHeader, udf } from './header.mjs';
export { open } from './reader.mjs';
export { applyWrites } from './records.mjs';
export { decryptStream, encryptStream } from './streams.mjs';
export { issueCredential } from './trailer.mjs';
export { applied, commit, commitWrites, compose, written } from './writer.mjs';
