// The built programs in a place of their own: recryptds on loopback that serve over TLS, members with a home each, labels, mounts.
// `end` takes everything down; the programs also end with the process that started them, however that ends.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { refuse, unb64, unseal, utf8 } from './bytes.mjs';
import { keyEncryptionKey, privateKey, publicKey, udf, unwrapKey } from './header.mjs';

const BUILD = process.env.RECRYPT_BUILD ?? fileURLToPath(new URL('../../build', import.meta.url));
const RECRYPTFS = join(BUILD, 'cli', 'recryptfs');
const RECRYPT = join(BUILD, 'cli', 'recrypt');
const RECRYPTD = join(BUILD, 'daemon', 'recryptd');

const works = (command) => spawnSync(command, ['--version']).error === undefined;

/** Why the programs cannot be tested here; false when they can. */
export function reasonToSkip() {
  for (const program of [RECRYPTFS, RECRYPT, RECRYPTD]) if (!existsSync(program)) return `no ${program}`;
  for (const tool of ['sqlite3', 'setpriv']) if (!works(tool)) return `needs ${tool}`;
  return false;
}

export function reasonToSkipMounts() {
  try {
    closeSync(openSync('/dev/fuse', 'r+'));
  } catch (error) {
    return `needs /dev/fuse: ${error.code}`;
  }
  return reasonToSkip() || (works('fusermount3') ? false : 'needs fusermount3');
}

/** Waits for a value that is not false. */
async function until(what, condition) {
  for (let count = 0; count < 600; count++) {
    const value = condition();
    if (value) return value;
    await sleep(50);
  }
  throw new Error(`not within 30 s: ${what}`);
}

const mountedAt = (point) => readFileSync('/proc/self/mounts', 'latin1').includes(` ${point} `);
const running = (child) => child.exitCode === null && child.signalCode === null;
const gone = (child) => until('a program ends', () => !running(child));

export class Stage {
  #children = [];
  #mounts = [];
  #end = () => this.end();

  constructor() {
    this.base = mkdtempSync(join(tmpdir(), 'jcd-exchange-'));
    process.on('exit', this.#end);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
  }

  path(...names) { return join(this.base, ...names); }

  folder(...names) {
    mkdirSync(this.path(...names), { recursive: true, mode: 0o700 });
    return this.path(...names);
  }

  write(name, bytes) {
    writeFileSync(this.path(name), bytes);
    return this.path(name);
  }

  /** Starts a program that is told to end when this process is no more. */
  start(program, args, log, environment = process.env) {
    const file = openSync(this.path(log), 'w');
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', program, ...args], {
      env: environment, cwd: this.base, stdio: ['ignore', file, file],
    });
    closeSync(file);
    this.#children.push(child);
    return child;
  }

  /** A recryptd for a domain, with a certificate of its own. */
  async serve(domain) {
    const state = this.folder('services', domain);
    const log = `${domain}.log`;
    this.start(RECRYPTD, ['--domain', domain, '--listen', '127.0.0.1:0', '--state', state, '--self-signed'], log);
    const [, address] = await until('recryptd serves', () => / on (\S+:\d+) fingerprint \S+\n/.exec(readFileSync(this.path(log), 'latin1')));
    return { stage: this, domain, address, ca: join(state, 'tls.crt'), database: join(state, 'recryptd.sqlite') };
  }

  /** A member's mount of a share, and the process that serves it. */
  async mount(member, share, point, label) {
    const child = this.start(RECRYPTFS, ['mount', '-f', '--label', label, share, point], 'mount.log', member.environment);
    this.#mounts.push(point);
    await until('the mount serves', () => {
      if (!running(child)) throw new Error(readFileSync(this.path('mount.log'), 'latin1'));
      return mountedAt(point);
    });
    return {
      end: async () => {
        member.program(['umount', point]);
        await gone(child);
      },
      kill: async () => {
        child.kill('SIGKILL');
        await gone(child);
        spawnSync('fusermount3', ['-u', '-z', '-q', point]);
      },
    };
  }

  /** Safe to be called more than once. */
  end() {
    process.removeListener('exit', this.#end);
    for (const point of this.#mounts.splice(0)) if (mountedAt(point)) spawnSync('fusermount3', ['-u', '-z', '-q', point]);
    for (const child of this.#children.splice(0)) if (running(child)) child.kill('SIGKILL');
    rmSync(this.base, { recursive: true, force: true });
  }
}

/** An account at a service, with one device, whose keystore has no passphrase. */
export class Member {
  constructor(name, service, ...options) {
    const { stage, domain, address, ca } = service;
    Object.assign(this, { stage, service, account: `${name}@${domain}` });
    const home = (...names) => stage.folder('homes', this.account, ...names);
    this.environment = { ...process.env, HOME: home(), XDG_CONFIG_HOME: home('.config'), XDG_RUNTIME_DIR: home('run'), LANG: 'C.UTF-8' };
    this.program(['profile', 'create', this.account, '--service', address, '--ca', ca, '--no-passphrase', ...options]);
    this.keys = JSON.parse(readFileSync(join(home('.config'), 'recryptfs', 'keystore.json'), 'utf8')).keys;
    this.fingerprint = udf(this.keys.master);
  }

  /** Runs recryptfs, or another program, in the stage's folder. */
  tryProgram(args, input, program = RECRYPTFS) {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      input, env: this.environment, cwd: this.stage.base, timeout: 60_000, maxBuffer: 2 ** 28,
    });
    if (error) throw error;
    return { status, stdout, stderr: stderr.toString() };
  }

  /** As above, and it must succeed. Gives its output. */
  program(args, input, program) {
    const { status, stdout, stderr } = this.tryProgram(args, input, program);
    if (status !== 0) throw new Error(`${this.account}: ${args.join(' ')}: exit ${status}: ${stderr}`);
    return stdout;
  }

  /** The program under its other name, with the draft's spellings. */
  recrypt(...args) { return this.program(args, '', RECRYPT); }

  trust({ account, fingerprint }) { this.program(['profile', 'trust', account, fingerprint]); }

  /** Says where another domain's service is. */
  add({ domain, address, ca }) { this.program(['service', 'add', domain, address, '--ca', ca]); }
}

/** A row of a service's database, whose fields are text. */
function stored({ database }, query) {
  const { status, stdout, stderr } = spawnSync('sqlite3', ['-readonly', '-json', database, query]);
  if (status !== 0) throw new Error(`sqlite3: ${stderr}`);
  return JSON.parse(stdout)[0];
}

/**
 * Makes a label with members, and gives what the service stores of it: its profile, its private keys as an administrator's device gets
 * them, and the credential of each member.
 */
export function newLabel(name, owner, members, ...options) {
  const { service } = owner;
  owner.program(['label', 'create', name, ...options]);
  for (const member of members) owner.program(['label', 'add', name, member.account]);
  const profile = JSON.parse(utf8(unb64(JSON.parse(stored(service, `SELECT jws FROM labels WHERE label = '${name}'`).jws).payload)));
  const { jwe } = stored(service, `SELECT jwe FROM label_secrets WHERE label = '${name}'`);
  const secrets = JSON.parse(utf8(openJwe(JSON.parse(jwe), owner.keys.encrypt)));
  const kid = udf(profile.key);
  const credentialOf = ({ account }) => Buffer.from(
    stored(service, `SELECT hex(credential) AS text FROM entries WHERE kid = '${kid}' AND account = '${account}'`).text, 'hex');
  return {
    name, profile, secrets, kid,
    key: secrets.keys.find(({ epoch }) => epoch === profile.epoch).key,
    master: secrets.master,
    credentials: new Map([owner, ...members].map((member) => [member, credentialOf(member)])),
  };
}

/** A JWE to the UDF of a key, without aad. */
function openJwe(jwe, key) {
  const recipient = jwe.recipients.find(({ header }) => header.kid === udf(key)) ?? refuse('not for this key');
  const kek = keyEncryptionKey(privateKey(key), publicKey(jwe.unprotected.epk));
  const sealed = { nonce: unb64(jwe.iv, 12), sealed: unb64(jwe.ciphertext), tag: unb64(jwe.tag, 16) };
  return unseal(unwrapKey(kek, unb64(recipient.encrypted_key)), Buffer.from(jwe.protected), sealed, 'jwe');
}
