/** One file over HTTPS, against a real server on loopback that behaves well and, mostly, badly. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Test, test } from 'tap';
import { ShoalError } from '../../src/core/errors.js';
import { type FetchOptions, fetchFile, type Origin, type Pace, usualPace } from '../../src/registry/fetch-file.js';
import { type Answer, startHttpsFiles } from '../support/https-files.js';

const content = Buffer.from('these are weights'.repeat(1000));
const promised = { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length };

async function place(t: Test, answer: Answer) {
  const server = await startHttpsFiles(t, answer);
  const target = path.join(t.testdir(), 'fetched');
  const origin: Origin = { allowPrivate: true, ca: server.ca };
  const fetch = (change: { url?: string; origin?: Origin; options?: FetchOptions } = {}) =>
    fetchFile(change.url ?? `${server.url}/file`, change.origin ?? origin, promised, target, {
      resolve: server.resolve,
      ...change.options,
    });
  return { server, target, origin, fetch };
}

const good: Answer = (_, response) => response.writeHead(200, { 'content-length': content.length }).end(content);

/** Rejects with this code and a single line that matches. */
async function refused(t: Test, what: Promise<unknown>, code: string, reason: RegExp): Promise<void> {
  const error = await what.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ShoalError)) return void t.fail(`expected ${code}, got ${error}`);
  t.equal(error.code, code, error.message);
  t.match(error.message, reason);
  t.notMatch(error.message, /\n/, 'one line');
}

test('a file that is what was promised is fetched, from the address its name was resolved to once', async (t) => {
  const { server, target, fetch } = await place(t, good);
  let resolved = 0;
  const progress: number[] = [];
  const resolve = async (host: string) => {
    resolved++;
    t.equal(host, 'files.test');
    return ['127.0.0.1'];
  };
  await fetch({ options: { resolve, onProgress: (bytes) => progress.push(bytes) } });
  t.strictSame(readFileSync(target), content);
  t.equal(resolved, 1, 'a name that points elsewhere a moment later has no second chance');
  t.equal(progress.at(-1), content.length);
  t.match(server.asked, [{ path: '/file', servername: 'files.test', host: `files.test:${server.port}`, authorization: undefined }]);
});

test('a source by address works too, and its certificate must be for that address', async (t) => {
  const { server, target, fetch } = await place(t, good);
  await fetch({ url: `https://127.0.0.1:${server.port}/file` });
  t.ok(existsSync(target));
  const other = await place(t, good);
  await refused(t, other.fetch({ url: `https://elsewhere.test:${other.server.port}/file` }), 'MODEL_FETCH', /certificate|altnames/i);
  t.strictSame(other.server.asked, []);
});

test('a server whose authority is not known is refused', async (t) => {
  const { fetch, server } = await place(t, good);
  await refused(t, fetch({ origin: { allowPrivate: true } }), 'MODEL_FETCH', /certificate/i);
  t.strictSame(server.asked, []);
});

test('private and strange addresses are refused before anything is connected', async (t) => {
  const { server, fetch } = await place(t, good);
  const to = (...addresses: string[]) => ({ options: { resolve: async () => addresses } });
  const outside = { allowPrivate: false, ca: server.ca };
  await refused(
    t,
    fetch({ origin: outside }),
    'MODEL_FETCH',
    /files\.test is 127\.0\.0\.1, a private address; only a source with allow_private/,
  );
  await refused(t, fetch({ origin: outside, ...to('10.1.2.3') }), 'MODEL_FETCH', /10\.1\.2\.3, a private address/);
  await refused(t, fetch({ origin: outside, ...to('8.8.8.8', '127.0.0.1') }), 'MODEL_FETCH', /127\.0\.0\.1, a private/);
  await refused(t, fetch({ origin: outside, url: `https://127.0.0.1:${server.port}/file` }), 'MODEL_FETCH', /a private address/);
  await refused(
    t,
    fetch({ origin: outside, url: `https://2130706433:${server.port}/file` }),
    'MODEL_FETCH',
    /127\.0\.0\.1, a private address/,
  );
  await refused(
    t,
    fetch({ origin: outside, url: `https://[::ffff:127.0.0.1]:${server.port}/file` }),
    'MODEL_FETCH',
    /no address of the internet/,
  );
  for (const address of ['169.254.169.254', '::ffff:127.0.0.1', '64:ff9b::7f00:1', 'fe80::1', '224.0.0.1', '0.0.0.0']) {
    await refused(t, fetch(to(address)), 'MODEL_FETCH', /no address of the internet/);
  }
  await refused(t, fetch(to()), 'MODEL_FETCH', /files\.test has no address/);
  await refused(
    t,
    fetch({ options: { resolve: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) } }),
    'MODEL_FETCH',
    /no host/,
  );
  t.strictSame(server.asked, [], 'nothing came through');
});

test('redirects are followed to three, each hop checked again, and trust is not passed on', async (t) => {
  const redirect =
    (to: string): Answer =>
    (_, response) =>
      response.writeHead(302, { location: to }).end();
  const inside = await place(t, (request, response) =>
    request.url === '/file' ? redirect('/moved')(request, response) : good(request, response),
  );
  await inside.fetch({ origin: { ...inside.origin, token: 's3cret' } });
  t.strictSame(
    inside.server.asked.map(({ path: asked, authorization }) => [asked, authorization]),
    [
      ['/file', 'Bearer s3cret'],
      ['/moved', 'Bearer s3cret'],
    ],
    'within one origin the token is sent',
  );

  const loop = await place(t, redirect('/again'));
  await refused(t, loop.fetch(), 'MODEL_FETCH', /redirects more than 3 times/);
  t.equal(loop.server.asked.length, 4);

  const loopback = await place(t, (request, response) =>
    redirect(`https://127.0.0.1:${request.socket.localPort}/stolen`)(request, response),
  );
  await refused(t, loopback.fetch({ origin: { ...loopback.origin, token: 's3cret' } }), 'MODEL_FETCH', /127\.0\.0\.1, a private address/);
  t.equal(loopback.server.asked.length, 1, 'the second request was never made');

  for (const [to, why] of [
    ['http://files.test/file', /is not https/],
    ['file:///etc/passwd', /is not https/],
    ['https://user:word@files.test/file', /must not hold a user/],
    ['https://', /is no address/],
  ] as const) {
    const strange = await place(t, redirect(to));
    await refused(t, strange.fetch(), 'MODEL_FETCH', why);
    t.equal(strange.server.asked.length, 1);
  }
});

test('a body that is not what was promised is refused, at the latest at its last byte', async (t) => {
  const answers: [Answer, string, RegExp][] = [
    [
      (_, response) => response.writeHead(200).end(Buffer.alloc(content.length)),
      'MODEL_HASH',
      /has SHA-256 [0-9a-f]{64}, [0-9a-f]{64} is promised/,
    ],
    [
      (_, response) => response.writeHead(200, { 'content-length': 5e9 }).write('x'),
      'MODEL_HASH',
      /has 5000000000 bytes, 17000 are promised/,
    ],
    [(_, response) => response.writeHead(200).end(content.subarray(1)), 'MODEL_HASH', /ended after 16999 of 17000 bytes/],
    [(_, response) => void response.writeHead(404).end('<html>'), 'MODEL_FETCH', /answered 404, not 200/],
    [(_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(content), 'MODEL_FETCH', /is coded as gzip/],
    [
      (_, response) => void response.writeHead(200).write(content.subarray(9), () => response.destroy()),
      'MODEL_FETCH',
      /aborted|ended|reset/i,
    ],
    [(_, response) => void response.destroy(), 'MODEL_FETCH', /cannot be reached \(127\.0\.0\.1: /],
  ];
  for (const [answer, code, reason] of answers) {
    const { fetch } = await place(t, answer);
    await refused(t, fetch(), code, reason);
  }
});

test('an endless body is cut off one piece after its promised end', async (t) => {
  let sent = 0;
  const { fetch } = await place(t, (_, response) => {
    const more = (): void => {
      for (let open = true; open && !response.destroyed; sent += content.length) open = response.write(content);
    };
    response.writeHead(200).on('drain', more);
    more();
  });
  await refused(t, fetch(), 'MODEL_HASH', /has more than the 17000 bytes that are promised/);
  t.ok(sent > content.length, 'it would have gone on');
});

test('a server that stands still or trickles is given up', async (t) => {
  const quick: Pace = { ...usualPace, idleMs: 150, windowMs: 400, windowBytesMin: 10_000 };
  const { fetch: mute } = await place(t, () => {});
  await refused(t, mute({ options: { pace: quick } }), 'MODEL_FETCH', /no answer within 0\.15 s/);
  const { fetch: stuck } = await place(t, (_, response) => void response.writeHead(200).write('x'));
  await refused(t, stuck({ options: { pace: quick } }), 'MODEL_FETCH', /sent nothing for 0\.15 s/);
  const { fetch: slow } = await place(t, (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('x'), 40);
    response.on('close', () => clearInterval(timer));
  });
  await refused(t, slow({ options: { pace: quick } }), 'MODEL_FETCH', /is too slow: \d+ bytes in 0\.4 s, at least 10000 are needed/);
  const { fetch: late } = await place(t, (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(content.subarray(0, 100)), 20);
    response.on('close', () => clearInterval(timer));
  });
  await refused(t, late({ options: { pace: { ...usualPace, totalMs: 300 } } }), 'MODEL_FETCH', /it takes more than 0\.3 s/);
  await refused(
    t,
    late({ options: { pace: { ...usualPace, connectMs: 50 }, resolve: () => new Promise(() => {}) } }),
    'MODEL_FETCH',
    /not resolved within 0\.05 s/,
  );
});

test('an interruption ends it with its reason', async (t) => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const { fetch } = await place(t, (_, response) => {
    response.writeHead(200).write('x');
    controller.abort(reason);
  });
  await t.rejects(fetch({ options: { signal: controller.signal } }), reason);
});

test('what is there already is never written over', async (t) => {
  const { fetch, target } = await place(t, good);
  await fetch();
  await t.rejects(fetch(), /EEXIST/);
  t.strictSame(readFileSync(target), content);
});
