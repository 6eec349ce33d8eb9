/**
 * Fetches one file of known bytes and hash over HTTPS into a new file.
 *
 * Guarantees: what is left in the file is what was promised, or the call throws, and then the file holds nothing anybody may read as a
 * model (the caller removes it). Each hop is checked anew: https only, its name resolved once, every address it resolves to allowed, and the
 * connection made to one of exactly these addresses, so that a name cannot point elsewhere a moment later. Size, time and speed are bounded.
 * Deliberately has no proxy, cache, cookies, compression or resumption: models are small.
 */
import { createHash } from 'node:crypto';
import { lookup as systemLookup } from 'node:dns/promises';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { classOfAddress } from './address.js';

const diskTroubles: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/** All addresses of a name, as text. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface Origin {
  /** Whether it may lie in a network of the site's own, or on this machine. */
  readonly allowPrivate: boolean;
  /** PEM of the authorities that may have signed it; those of the system without it. */
  readonly ca?: string;
  readonly token?: string;
}

export interface Pace {
  readonly connectMs: number;
  readonly idleMs: number;
  readonly windowMs: number;
  readonly windowBytesMin: number;
  readonly totalMs: number;
}

export const usualPace: Pace = {
  connectMs: limits.downloadConnectMs,
  idleMs: limits.downloadIdleMs,
  windowMs: limits.downloadWindowMs,
  windowBytesMin: limits.downloadWindowBytesMin,
  totalMs: limits.downloadMs,
};

export interface FetchOptions {
  readonly resolve?: Resolve;
  readonly pace?: Pace;
  readonly signal?: AbortSignal;
  /** Bytes so far. */
  readonly onProgress?: (bytes: number) => void;
}

export interface Promised {
  /** Hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** As the system resolves it; in the order it prefers. */
export const resolveBySystem: Resolve = async (hostname) => (await systemLookup(hostname, { all: true })).map(({ address }) => address);

/**
 * `target` must not exist. Throws MODEL_FETCH when it cannot be had, MODEL_HASH when it is not what was promised, each naming the address
 * and what was found; the signal's reason when aborted; the system's error for a disk that is full, read-only or broken.
 */
export async function fetchFile(url: string, origin: Origin, promised: Promised, target: string, options: FetchOptions = {}) {
  const pace = options.pace ?? usualPace;
  const overdue = AbortSignal.timeout(pace.totalMs);
  const signal = options.signal === undefined ? overdue : AbortSignal.any([options.signal, overdue]);
  try {
    const response = await follow(url, origin, options.resolve ?? resolveBySystem, pace, signal);
    try {
      checkHead(response, promised);
      await receive(response, promised, target, pace, signal, options.onProgress);
    } finally {
      response.destroy();
    }
  } catch (error) {
    if (options.signal?.aborted === true) throw options.signal.reason;
    // Another source would not help.
    if (diskTroubles.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    const reason = overdue.aborted ? `it takes more than ${seconds(pace.totalMs)}` : reasonOf(error);
    const code = error instanceof ShoalError ? error.code : 'MODEL_FETCH';
    throw new ShoalError(code, `${url}: ${reason}`, { cause: error });
  }
}

async function follow(start: string, origin: Origin, resolve: Resolve, pace: Pace, signal: AbortSignal): Promise<IncomingMessage> {
  const first = parse(start);
  let url = first;
  for (let hops = 0; ; hops++) {
    const response = await reach(url, url.origin === first.origin ? origin : elsewhere, resolve, pace, signal);
    const status = response.statusCode ?? 0;
    if (status === 200) return response;
    const location = response.headers.location;
    response.destroy();
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) throw new Error(`answered ${status}, not 200`);
    if (hops === limits.downloadRedirectsMax) throw new Error(`redirects more than ${limits.downloadRedirectsMax} times`);
    url = parse(location, url);
  }
}

/** What an origin may is not passed on to where it redirects: neither its token, nor its authorities, nor private networks. */
const elsewhere: Origin = { allowPrivate: false };

function parse(text: string, base?: URL): URL {
  const shown = text.slice(0, 200);
  if (!URL.canParse(text, base?.href)) throw new Error(`"${shown}" is no address`);
  const url = new URL(text, base);
  if (url.protocol !== 'https:') throw new Error(`"${shown}" is not https://`);
  if (url.username !== '' || url.password !== '') throw new Error('an address must not hold a user or a password');
  return url;
}

/** The head of the answer of the first address that takes the connection. */
async function reach(url: URL, origin: Origin, resolve: Resolve, pace: Pace, signal: AbortSignal): Promise<IncomingMessage> {
  const failures: string[] = [];
  for (const address of await allowedAddresses(url, origin, resolve, pace)) {
    signal.throwIfAborted();
    try {
      return await ask(url, address, origin, pace, signal);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`${address}: ${reasonOf(error)}`);
    }
  }
  throw new Error(`${url.hostname} cannot be reached (${failures.join('; ')})`);
}

async function allowedAddresses(url: URL, { allowPrivate }: Origin, resolve: Resolve, pace: Pace): Promise<readonly string[]> {
  const host = hostOf(url);
  const found = isIP(host) > 0 ? [host] : await resolved(host, resolve, pace);
  if (found.length === 0) throw new Error(`${host} has no address`);
  for (const address of found) {
    const kind = classOfAddress(address);
    if (kind === 'public' || (kind === 'private' && allowPrivate)) continue;
    const why = kind === 'private' ? 'a private address; only a source with allow_private may have one' : 'no address of the internet';
    throw new Error(`${host} is ${address}, ${why}`);
  }
  return found.slice(0, limits.downloadAddressesMax);
}

/** The name without the brackets of an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

async function resolved(host: string, resolve: Resolve, { connectMs }: Pace): Promise<readonly string[]> {
  const { promise: late, reject } = deferred();
  const timer = setTimeout(() => reject(new Error(`the name ${host} is not resolved within ${seconds(connectMs)}`)), connectMs);
  try {
    return await Promise.race([resolve(host), late]);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOTFOUND' ? new Error(`there is no host ${host}, or no name service`) : error;
  } finally {
    clearTimeout(timer);
  }
}

function deferred(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_resolve, refuse) => {
    reject = refuse;
  });
  return { promise, reject };
}

function ask(url: URL, address: string, { ca, token }: Origin, pace: Pace, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const name = hostOf(url);
    const asked = request({
      host: address,
      port: url.port === '' ? 443 : Number(url.port),
      path: `${url.pathname}${url.search}`,
      // The certificate is compared with the name, or with the address where that is all there is.
      ...(isIP(name) > 0 ? {} : { servername: name }),
      ...(ca === undefined ? {} : { ca }),
      headers: {
        host: url.host,
        accept: '*/*',
        'accept-encoding': 'identity',
        'user-agent': 'shoal',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      agent: false,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      signal,
    });
    let late = setTimeout(() => asked.destroy(new Error(`no connection within ${seconds(pace.connectMs)}`)), pace.connectMs);
    asked.once('socket', (socket) =>
      socket.once('secureConnect', () => {
        clearTimeout(late);
        late = setTimeout(() => asked.destroy(new Error(`no answer within ${seconds(pace.idleMs)}`)), pace.idleMs);
      }),
    );
    asked.once('close', () => clearTimeout(late));
    asked.once('error', reject);
    asked.once('response', (response) => {
      clearTimeout(late);
      resolve(response);
    });
    asked.end();
  });
}

function checkHead({ headers }: IncomingMessage, { bytes }: Promised): void {
  const coding = headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity') throw new Error(`its body is coded as ${coding}, which was not asked for`);
  const length = headers['content-length'];
  if (length !== undefined && Number(length) !== bytes) throw new ShoalError('MODEL_HASH', `has ${length} bytes, ${bytes} are promised`);
}

async function receive(
  response: IncomingMessage,
  promised: Promised,
  target: string,
  pace: Pace,
  signal: AbortSignal,
  onProgress: (bytes: number) => void = () => {},
): Promise<void> {
  const file = await open(target, 'wx', 0o644);
  const watch = new PaceWatch(response, pace);
  try {
    const sha256 = await write(response, file, promised, watch, onProgress);
    signal.throwIfAborted();
    if (sha256 !== promised.sha256) throw new ShoalError('MODEL_HASH', `has SHA-256 ${sha256}, ${promised.sha256} is promised`);
    await file.sync();
  } finally {
    watch.end();
    await file.close();
  }
}

/** Answers the SHA-256 (hex) of all that was written. */
async function write(
  body: IncomingMessage,
  file: FileHandle,
  { bytes }: Promised,
  watch: PaceWatch,
  onProgress: (bytes: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  let received = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    received += piece.length;
    if (received > bytes) throw new ShoalError('MODEL_HASH', `has more than the ${bytes} bytes that are promised`);
    hash.update(piece);
    await file.writeFile(piece);
    watch.took(piece.length);
    onProgress(received);
  }
  if (received < bytes) throw new ShoalError('MODEL_HASH', `ended after ${received} of ${bytes} bytes`);
  return hash.digest('hex');
}

/** Ends a body that stands still, or trickles. */
class PaceWatch {
  readonly #response: IncomingMessage;
  readonly #pace: Pace;
  readonly #window: NodeJS.Timeout;
  #idle: NodeJS.Timeout | undefined;
  #inWindow = 0;

  constructor(response: IncomingMessage, pace: Pace) {
    this.#response = response;
    this.#pace = pace;
    const { windowMs, windowBytesMin } = pace;
    this.#window = setInterval(() => {
      if (this.#inWindow < windowBytesMin) {
        response.destroy(new Error(`is too slow: ${this.#inWindow} bytes in ${seconds(windowMs)}, at least ${windowBytesMin} are needed`));
      }
      this.#inWindow = 0;
    }, windowMs);
    this.took(0);
  }

  took(bytes: number): void {
    this.#inWindow += bytes;
    clearTimeout(this.#idle);
    const { idleMs } = this.#pace;
    this.#idle = setTimeout(() => this.#response.destroy(new Error(`sent nothing for ${seconds(idleMs)}`)), idleMs);
  }

  end(): void {
    clearInterval(this.#window);
    clearTimeout(this.#idle);
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
