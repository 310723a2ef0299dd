#!/usr/bin/env node
// The library as a command, for tests that exchange documents with the program:
//
//     jcd-tool.mjs <command> [options.json]        options on standard input when no file is named
//
// The answer is one JSON object on standard output. A refusal is {"error":"…"} and exit status 1.
// Content is given and returned as base64url in `content`, or as the path of a file in `contentFile`; documents are paths in `file`.
//
//   read        file, labelKeys | dataKeys, masters (by label), epochs (by UDF), anyone, now; offset, length: only that range; stream: as a stream;
//               contentFile: where to put the content
//   inspect     file: what can be seen without keys
//   write       file, content | contentFile, label, labelKeys, services, name, type, layout ("random", "stream"), holes,
//               device, credential, time, uid, dataKeys
//   commit      file and as for read; writes: [{offset, content | contentFile}], size, header, newKey, rewrite;
//               device, credential, time, gap; out (file when absent)
//   apply       file, out and as for read: the document without its records
//   json        file, out: the document as pure JSON
//   credential  master, device (public JWK), subject, epoch, expires, rights
//   keygen      curve: X25519, P-256, Ed25519
//   udf         key

import { generateKeyPairSync } from 'node:crypto';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import {
  Geometry, applied, asPureJson, checkHeader, commit, compose, decryptStream, encryptStream, fileSource, headerObject, issueCredential,
  open, sizeOf, udf,
} from './jcd.mjs';
import { b64, refuse, unb64 } from './bytes.mjs';
import { HEADER, TRAILER } from './geometry.mjs';
import { parseTrailer } from './trailer.mjs';
import { recordsByFooter } from './records.mjs';

const contentOf = ({ content, contentFile }) => (contentFile === undefined ? unb64(content ?? '') : readFileSync(contentFile));

/** The options with the byte strings that JSON can only hold as text. */
const asOptions = (json) => ({
  ...json,
  ...(json.credential === undefined ? {} : { credential: unb64(json.credential) }),
  ...(json.uid === undefined ? {} : { uid: unb64(json.uid, 16) }),
});

const credentialJson = (credential) => credential && {
  subject: credential.subject, epoch: credential.epoch, expires: credential.expires, device: udf(credential.key),
};

const trailerJson = ({ keyNumber, generation, size, writes, root, attributes, headerDigest }) => ({
  keyNumber, generation, size, writes, root: b64(root), attributes: b64(attributes), headerDigest: b64(headerDigest),
});

function answerFor({ size, header, name, type, trailer, dataKeys, records = [] }, content, contentFile) {
  if (contentFile !== undefined) writeFileSync(contentFile, content);
  return {
    size, name, type, label: header?.label, services: header?.services, uid: header?.object.uid,
    author: credentialJson(trailer?.author ?? null), wrapper: credentialJson(trailer?.wrapper ?? null),
    trailer: trailer && trailerJson(trailer),
    keys: dataKeys?.map(({ n, key }) => ({ k: b64(key), n })),
    records: records.length,
    ...(contentFile === undefined ? { content: b64(content) } : {}),
  };
}

async function readAsStream(json) {
  const parts = [];
  const stream = decryptStream(createReadStream(json.file), asOptions(json));
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return answerFor(value, Buffer.concat(parts), json.contentFile);
    parts.push(value);
  }
}

function inspect({ file }) {
  const source = fileSource(file);
  const header = checkHeader(headerObject(source.read(0, HEADER)) ?? refuse('header: not as it must stand in the file'));
  const size = sizeOf(source.length);
  const answer = { length: source.length, size, label: header.label, services: header.services, header: header.object };
  if (size !== null) {
    const { blocks, groups } = new Geometry(size);
    return { ...answer, blocks, groups, trailer: trailerJson(parseTrailer(source.read(source.length - TRAILER, TRAILER))) };
  }
  const records = recordsByFooter(source);
  return {
    ...answer,
    size: records.at(-1).newSize,
    records: records.map(({ position, end, keyNumber, baseLength, previous, newLength, newSize, writes }) => ({
      position, end, keyNumber, baseLength, previous, newLength, newSize,
      writes: writes.map(({ offset, length, bytes }) => ({ offset, length, zeros: bytes === null })),
    })),
  };
}

const commands = {
  async read(json) {
    if (json.stream) return readAsStream(json);
    const document = open(fileSource(json.file), asOptions(json));
    const { offset = 0, length = document.size } = json;
    return answerFor(document, document.read(offset, length), json.contentFile);
  },

  inspect,

  async write(json) {
    const options = asOptions(json);
    const parts = [];
    if (json.layout === 'stream' && !json.holes) {
      for await (const part of encryptStream([contentOf(json)], options)) parts.push(part);
    } else parts.push(compose(contentOf(json), options));
    writeFileSync(json.file, Buffer.concat(parts));
    return { file: json.file };
  },

  commit(json) {
    const options = asOptions(json);
    const file = readFileSync(json.file);
    const { size, header, newKey, rewrite } = json;
    const writes = (json.writes ?? []).map((write) => ({ offset: write.offset, data: contentOf(write) }));
    writeFileSync(json.out ?? json.file, commit(file, open(file, options), { writes, size, header, newKey, rewrite }, options));
    return { file: json.out ?? json.file };
  },

  apply(json) {
    writeFileSync(json.out, applied(open(readFileSync(json.file), asOptions(json))));
    return { file: json.out };
  },

  json({ file, out }) {
    const bytes = readFileSync(file);
    writeFileSync(out, asPureJson(bytes, headerObject(bytes)));
    return { file: out };
  },

  credential: (json) => ({ credential: b64(issueCredential(json)) }),

  keygen({ curve }) {
    const { privateKey } = curve === 'P-256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync(curve.toLowerCase());
    const key = privateKey.export({ format: 'jwk' });
    const { d, ...open } = key;
    return { key, public: open, udf: udf(open) };
  },

  udf: ({ key }) => ({ udf: udf(key) }),
};

try {
  const [, , name, optionsFile] = process.argv;
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : refuse(`commands: ${Object.keys(commands).join(', ')}`);
  const answer = await command(JSON.parse(readFileSync(optionsFile ?? 0, 'utf8')));
  console.log(JSON.stringify(answer));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
  process.exitCode = 1;
}
