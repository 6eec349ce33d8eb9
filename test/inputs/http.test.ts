import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { Input } from '../../src/core/contracts.js';
import { captureId } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import { Secret } from '../../src/core/secret.js';
import { Keys } from '../../src/inputs/http/keys.js';
import type { HttpInputOptions } from '../../src/inputs/http/options.js';
import { httpInput } from '../../src/inputs/http.js';
import { HeldCorridor, replayableInputContract } from '../contracts/input-contract.js';
import { FileLedger } from '../support/file-ledger.js';
import { png } from '../support/folder-bench.js';
import { type HttpBench, httpBench, postOverSocket } from '../support/http-bench.js';
import { ManualClock } from '../support/settled.js';
import { until } from '../support/until.js';

test('an HTTP input keeps the promises of a replayable one', async (t) => {
  t.equal(httpInput.type, 'http');
  replayableInputContract(t, async (t) => {
    const b = await httpBench(t);
    let fed = 0;
    let running: Input | null = null;
    /** Nobody answers while no input runs: a caller would try again. */
    let queued: string[] = [];
    const bring = async () => {
      for (const name of queued.splice(0)) {
        const { status } = await b.post(png, { 'x-shoal-name': name, 'idempotency-key': name });
        if (status !== 202) throw new Error(`${name} was answered with ${status}`);
      }
    };
    return {
      ledgerPath: join(b.dir, 'ledger'),
      create: (ledger, boot) => {
        const input = b.create(ledger, boot);
        return {
          replayable: input.replayable,
          whenFull: input.whenFull,
          start: async (offer) => {
            await input.start(offer);
            running = input;
            await bring();
          },
          stop: async () => {
            if (running === input) running = null;
            await input.stop();
          },
        };
      },
      feed: async (count) => {
        const names = Array.from({ length: count }, () => `f${String(++fed).padStart(5, '0')}.png`);
        queued = [...queued, ...names];
        if (running !== null) await bring();
        return names;
      },
      empty: async () => queued.length === 0 && b.files().length === 0 && b.files('work').length === 0 && b.files('incoming').length === 0,
    };
  });
});

interface Scene extends HttpBench {
  readonly corridor: HeldCorridor;
  readonly ledger: FileLedger;
  readonly input: Input;
}

async function scene(t: Test, options: Partial<HttpInputOptions> = {}, own: object = {}): Promise<Scene> {
  const b = await httpBench(t, own);
  const ledger = new FileLedger(join(b.dir, 'ledger'));
  const corridor = new HeldCorridor(ledger);
  const input = b.create(ledger, 1, options);
  await input.start(corridor.offer);
  return { ...b, corridor, ledger, input };
}

test('what was answered with an id is a capture of that id, with the name its caller gave', async (t) => {
  const s = await scene(t);
  const names: [Record<string, string>, string][] = [
    [{ 'x-shoal-name': 'gate 3.png' }, 'gate 3.png'],
    [{ 'x-shoal-name': Buffer.from('Tür.png').toString('latin1') }, 'Tür.png'],
    [{ 'content-disposition': 'attachment; filename="a \\"b\\".png"' }, 'a "b".png'],
    [{ 'content-disposition': "attachment; filename=x.png; filename*=UTF-8''T%C3%BCr%2Fup.png" }, 'up.png'],
    [{ 'x-shoal-name': '../../etc/passwd' }, 'passwd'],
    [{ 'x-shoal-name': 'C:\\scans\\one.png' }, 'one.png'],
    [{ 'x-shoal-name': `${'n'.repeat(500)}.png` }, `${'n'.repeat(196)}.png`],
  ];
  for (const [headers, name] of names) {
    const answer = await s.post(png, headers);
    t.match(answer, { status: 202, json: { input: 'scans', bytes: png.length, repeated: false } });
    await until('it is offered', () => s.corridor.offered.at(-1)?.capture.header.id === answer.json.capture);
    t.match(s.corridor.offered.at(-1)?.capture.header, { name, mediaType: 'image/png', input: 'scans', bytes: png.length });
  }
  const nameless = await s.post(png, { 'x-shoal-name': '..' });
  await until('it is offered', () => s.corridor.offered.length === names.length + 1);
  t.equal(s.corridor.offered.at(-1)?.capture.header.name, nameless.json.capture, 'without a name its id is one');
  s.corridor.settle(4, [{ pipeline: 'signs', outcome: 'failed', reason: 'no PNG' }]);
  s.corridor.settleAll();
  await until('all are closed', () => s.ledger.closed.length === names.length + 1);
  t.same(s.files('failed').sort(), ['passwd', 'passwd.reason.txt'], 'a name is no path');
  t.match(readFileSync(join(s.spool, 'failed', 'passwd.reason.txt'), 'utf8'), /signs: failed, no PNG/);
  t.equal(s.around.value('shoal_input_brought_total', { answer: 'taken' }), names.length + 1);
  t.equal(s.around.value('shoal_input_spooled_captures'), 0);
});

test('a key that was taken answers the same capture, and says so, also after a restart', async (t) => {
  const s = await scene(t);
  const first = await s.post(png, { 'idempotency-key': '"order-7"' });
  t.match(first, { status: 202, json: { repeated: false } });
  t.match(await s.post(png, { 'idempotency-key': 'order-7' }), { status: 202, json: { capture: first.json.capture, repeated: true } });
  await until('it is offered', () => s.corridor.offered.length === 1);
  s.corridor.settleAll();
  await until('it is closed', () => s.ledger.closed.length === 1);
  t.match(await s.post(png, { 'idempotency-key': 'order-7' }), { json: { capture: first.json.capture, repeated: true } }, 'settled or not');
  await s.input.stop();
  t.match(await s.post(png), { status: 503, headers: { 'retry-after': '5' } }, 'nobody takes captures meanwhile');
  const again = s.create(s.ledger, 2, { key_hours: 24 });
  await again.start(s.corridor.offer);
  t.match(await s.post(png, { 'idempotency-key': 'order-7' }), { json: { capture: first.json.capture, repeated: true } });
  t.match(await s.post(png, { 'idempotency-key': 'order-8' }), { json: { repeated: false } });
  await until('the other is offered', () => s.corridor.offered.length === 2);
  t.equal(s.around.value('shoal_input_brought_total', { answer: 'repeated' }), 3);
  for (const key of ['', '"x', 'k'.repeat(limits.idempotencyKeyChars + 1)].slice(2))
    t.match(await s.post(png, { 'idempotency-key': key }), { status: 400, json: { error: /Idempotency-Key/ } });
  await again.stop();
  const later = s.create(s.ledger, 3, { key_hours: 1e-6 });
  await later.start(s.corridor.offer);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.match(await s.post(png, { 'idempotency-key': 'order-7' }), { json: { repeated: false } }, 'after its time a key is new');
  t.equal(s.files('keys').filter((name) => name.endsWith(String(first.json.capture))).length, 0, 'and the old one is gone');
});

const raw = (s: Scene, text: string): Socket => connect(Number(new URL(s.url).port), '127.0.0.1').on('error', () => {}).setNoDelay().on('connect', function (this: Socket) { this.write(text); }); // biome-ignore format: one line

const head = (more: string) => `POST /v1/captures/scans HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

test('a torn upload leaves nothing, and its key is free', async (t) => {
  const s = await scene(t);
  const socket = raw(s, `${head('Content-Length: 100000\r\nIdempotency-Key: torn\r\n')}${'x'.repeat(5000)}`);
  await until('it is being written', () => s.files('incoming').length === 1);
  t.match(await s.post(png, { 'idempotency-key': 'torn' }), { status: 409, headers: { 'retry-after': '1' } }, 'two tries at once');
  socket.destroy();
  await until('it is gone', () => s.files('incoming').length === 0);
  t.same([s.files(), s.files('keys'), s.corridor.offered], [[], [], []]);
  await until('it is counted', () => s.around.value('shoal_input_brought_total', { answer: 'torn' }) === 1);
  t.match(await s.post(png, { 'idempotency-key': 'torn' }), { status: 202, json: { repeated: false } });
});

test('what an earlier life left unfinished goes at the start, key first, and what it had taken is offered', async (t) => {
  const b = await httpBench(t);
  const ledger = new FileLedger(join(b.dir, 'ledger'));
  const dead = b.create(ledger, 1);
  const corridor = new HeldCorridor(ledger, () => 0);
  await dead.start(corridor.offer);
  const taken = [await b.post(png, { 'x-shoal-name': 'one', 'idempotency-key': 'one' }), await b.post(png, { 'x-shoal-name': 'two' })];
  await dead.stop();
  // As a death leaves it between the key and the rename.
  const id = '01jabcdefghjkmnpqrstvwxyz0';
  writeFileSync(join(b.spool, 'incoming', id), 'half');
  writeFileSync(join(b.spool, 'keys', `${'0'.repeat(32)}_${id}`), '');
  writeFileSync(join(b.spool, 'stray.png'), png);
  const after = new HeldCorridor(ledger);
  await b.create(ledger, 2).start(after.offer);
  await until('both are offered', () => after.offered.length === 2);
  t.same(
    after.offered.map(({ capture }) => capture.header.id),
    taken.map(({ json }) => json.capture),
  );
  t.same(after.names, ['one', 'two']);
  t.same(b.files('incoming'), []);
  t.equal(b.files('keys').length, 1);
  await until('what is not ours is put aside', () => b.files('failed').includes('stray.png'));
});

test('callers are held back when the room, the spool or the disk is full, and let in again', async (t) => {
  const s = await scene(t, { max_spooled: 3, max_bytes: 5000, max_spool_bytes: 9000 });
  t.match(await s.post(Buffer.alloc(5001)), { status: 413, json: { error: /more than 5000 bytes/ } }, 'announced');
  const body = new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1000)) });
  const chunked = await fetch(`${s.url}/v1/captures/scans`, { method: 'POST', body, duplex: 'half' } as RequestInit).then(({ status }) => status, () => 413); // biome-ignore format: one question
  t.equal(chunked, 413, 'and not announced');
  t.match(await s.post(''), { status: 400, json: { error: /empty/ } });
  t.equal((await s.post(Buffer.alloc(5000))).status, 202);
  t.match(await s.post(Buffer.alloc(4001)), { status: 507, headers: { 'retry-after': '60' }, json: { error: /max_spool_bytes/ } });
  for (const size of [1000, 2000]) t.equal((await s.post(Buffer.alloc(size))).status, 202);
  t.match(await s.post(png), { status: 429, headers: { 'retry-after': '5' }, json: { error: /max_spooled/ } });
  t.equal(s.around.value('shoal_input_spooled_captures'), 3);
  t.equal(s.around.value('shoal_input_spooled_bytes'), 8000);
  await until('they are offered', () => s.corridor.offered.length === 3);
  s.corridor.settle(0);
  await until('one is closed', () => s.ledger.closed.length === 1);
  t.equal((await s.post(png)).status, 202);
  t.same(s.files('incoming'), [], 'nothing is left of those refused');
  const full = await scene(t, { min_free_bytes: 2 ** 50 });
  t.match(await full.post(png), { status: 507, json: { error: /min_free_bytes/ } });
});

test('a spool that goes away is said, and taken up again when it is back', async (t) => {
  const s = await scene(t);
  await s.post(png);
  await until('it is offered', () => s.corridor.offered.length === 1);
  rmSync(s.spool, { recursive: true });
  writeFileSync(s.spool, 'in the way');
  t.match(await s.post(png), { status: 503, json: { error: /spool cannot be written/ } });
  await until('health says so', () => s.around.states.get('input:scans')?.state === 'degraded');
  rmSync(s.spool);
  mkdirSync(s.spool);
  let capture: unknown;
  await until('it is taken again', async () => {
    const answer = await s.post(png);
    capture = answer.json.capture;
    return answer.status === 202;
  });
  await until('and offered', () => s.corridor.offered.some(({ capture: { header } }) => header.id === capture));
  s.corridor.settleAll();
  await until('and closed', () => s.ledger.open.size === 0);
});

test('only those who may bring captures can', async (t) => {
  const s = await scene(t, { token: new Secret({ file: '/token' }).fill('s3cret') });
  t.match(await s.post(png), { status: 401, headers: { 'www-authenticate': 'Bearer' }, json: { error: /Bearer TOKEN/ } });
  t.equal((await s.post(png, { authorization: 'Bearer wrong' })).status, 401);
  t.equal((await s.post(png, { authorization: 'Bearer s3cret' })).status, 202);
  t.equal((await postOverSocket(s.socketPath, png)).status, 202, 'whoever is in the group of the socket may');
  const may = { authorization: 'Bearer s3cret' };
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    const answer = await postOverSocket(s.socketPath, png, headers as Record<string, string>);
    t.match(answer, { status: 403, json: { error: /page of another site/ } }, JSON.stringify(headers));
    t.notOk('access-control-allow-origin' in answer.headers);
  }
  t.match(await s.post(png, { ...may, 'content-type': 'multipart/form-data; boundary=x' }), {
    status: 415,
    json: { error: /--data-binary/ },
  });
  t.match(await s.post(png, may, '/v1/captures/scan'), { status: 404, json: { error: /there are: scans, clips/ } });
  t.match(await s.post(png, may, '/v1/captures/clips'), { status: 503 });
  const asked = await fetch(`${s.url}/v1/captures/scans`);
  t.equal(asked.status, 403, 'nothing is read by TCP');
  t.match(await asked.json(), { error: /POST the bytes/ });
  t.equal(s.around.value('shoal_input_brought_total', { answer: 'taken' }), 2);
});

test('a caller from elsewhere needs a token even where the configuration was made without', async (t) => {
  const { networkInterfaces } = await import('node:os');
  const address = Object.values(networkInterfaces()).flatMap((all) => all ?? []).find(({ family, internal }) => family === 'IPv4' && !internal)?.address; // biome-ignore format: one question
  if (address === undefined) return t.comment('1 skipped: this machine has no other address');
  const s = await scene(t, {}, { host: address });
  t.match(await s.post(png), { status: 401, json: { error: /only once it has a token/ } });
  t.equal((await postOverSocket(s.socketPath, png)).status, 202);
});

test('a slow caller is let go, others go on', async (t) => {
  const s = await scene(t);
  const held = Array.from({ length: limits.uploadsPerInputMax }, () => raw(s, `${head('Content-Length: 50\r\n')}x`));
  await until('all are under way', () => readdirSync(join(s.spool, 'incoming')).length === held.length);
  t.match(await s.post(png), { status: 429, json: { error: /uploads to this input are under way/ } });
  held[0]?.write('x'.repeat(49));
  await until('it is taken', () => s.corridor.offered.length === 1);
  t.equal((await s.post(png)).status, 202);
  for (const socket of held) socket.destroy();
});

test('keys that are read anew in one life stay on the disk, and of two files of one key the later counts', async (t) => {
  const folder = t.testdir();
  const clock = new ManualClock();
  const [older, capture] = [captureId(clock.wall - 60_000), captureId(clock.wall)];
  const keys = new Keys(folder, 1, clock);
  await keys.keep('k1', capture);
  for (let i = 0; i < 3; i++) await keys.load();
  t.equal(keys.find('k1'), capture);
  const [file = ''] = readdirSync(folder);
  t.match(file, capture, 'its file is there');
  writeFileSync(join(folder, file.replace(capture, older)), '');
  const fresh = new Keys(folder, 1, clock);
  await fresh.load();
  t.equal(fresh.find('k1'), capture, 'a later life knows it');
  t.same(readdirSync(folder), [file], 'control: what it stood for before is dropped');
});
