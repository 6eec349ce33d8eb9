/**
 * The log as a child process really writes it: folding, redaction, forms and priorities are read from its stderr.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { Fold } from '../../src/ops/fold.js';
import { createLog } from '../../src/ops/log.js';
import { redactFields } from '../../src/ops/redact.js';
import type { LogOutlet } from '../../src/ops/stderr.js';

const logUrl = new URL('../../src/ops/log.js', import.meta.url).href;

function child(body: string, env: NodeJS.ProcessEnv = {}): string {
  const script = `import { createLog, logOptions } from ${JSON.stringify(logUrl)};\n${body}`;
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env: { ...process.env, ...env } });
  if (ran.status !== 0) throw new Error(`the child ended with ${ran.status}: ${ran.stderr}`);
  return ran.stderr;
}

interface Line {
  level: string;
  msg: string;
  time?: string;
  [field: string]: unknown;
}

const parsed = (stderr: string): Line[] =>
  stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

test('repeats of a message become one line with their count and the latest fields', async (t) => {
  const stderr = child(`
    const log = createLog(logOptions.parse({})).child({ part: 'relay' });
    for (let i = 0; i < 1000; i++) log.warn({ seq: i }, 'a delivery was refused');
    log.child({ sink: 'b' }).warn({}, 'a delivery was refused');
    log.flush();`);
  const lines = parsed(stderr);
  t.equal(lines.length, 3);
  t.match(lines[0], { level: 'warn', part: 'relay', seq: 0, msg: 'a delivery was refused' });
  t.match(lines[1], { sink: 'b' }, 'another origin is another message');
  t.match(lines[2], { level: 'warn', part: 'relay', seq: 999, repeats: 999, msg: /^a delivery was refused \(999 times more in \d+ s\)$/ });
});

test('no secret reaches the log, at whatever depth or in whatever text it is', async (t) => {
  const stderr = child(`
    const log = createLog(logOptions.parse({ level: 'debug' }));
    const secret = 'hunter' + '2';
    log.info({ password: secret, mqttPassword: secret, api_key: secret, a: { b: { accessToken: secret, list: [{ secret }] } } }, 'fields');
    log.info({ url: 'mqtts://dock-7:' + secret + '@broker.lan:8883' }, 'connected to mqtt://dock-7:' + secret + '@broker.lan');
    log.child({ passphrase: secret }).warn({ error: new Error('http://x/?token=' + secret) }, 'bindings and errors');
    log.debug({ password: secret }, 'debug too');`);
  t.equal(parsed(stderr).length, 4);
  t.notMatch(stderr, /hunter2/);
  t.match(stderr, /mqtts:\/\/dock-7:\*\*\*@broker\.lan:8883/);
  t.strictSame(redactFields({ tokens_used: 3, keyboard: 'x' }), { tokens_used: 3, keyboard: 'x' }, 'and nothing else is hidden');
});

test('under journald a line has its priority and no time; a JOURNAL_STREAM inherited with another stderr is not believed', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'shoal-log-')), 'stderr');
  const fd = openSync(path, 'w');
  const { dev, ino } = fstatSync(fd);
  const body = `
    const log = createLog(logOptions.parse({ level: 'debug' })).child({ part: 'store' });
    log.debug({}, 'd'); log.info({ n: 1, text: 'two words' }, 'i'); log.warn({}, 'w'); log.error({ name: 'evil\\n<0>forged' }, 'e');`;
  const script = `import { createLog, logOptions } from ${JSON.stringify(logUrl)};\n${body}`;
  const env = { ...process.env, JOURNAL_STREAM: `${dev}:${ino}` };
  spawnSync(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', fd], env });
  closeSync(fd);
  t.strictSame(readFileSync(path, 'utf8').trim().split('\n'), [
    '<7>store: d',
    '<6>store: i n=1 text="two words"',
    '<4>store: w',
    '<3>store: e name="evil\\n<0>forged"',
  ]);
  t.match(child(body, { JOURNAL_STREAM: '1:1' }), /^\{"level":"debug","time":/);
});

function recorder(): LogOutlet & { lines: string[]; now: number } {
  const lines: string[] = [];
  return {
    lines,
    now: 0,
    write: (line) => lines.push(line),
    journal: false,
    terminal: false,
    nowMs() {
      return this.now;
    },
  };
}

test('a line is bounded whatever it is given, and an outlet that is gone costs lines, not the daemon', async (t) => {
  for (const format of ['json', 'text'] as const) {
    const outlet = recorder();
    const log = createLog({ level: 'info', format }, outlet);
    const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`field${i}`, 'ü'.repeat(5000)]));
    log.info(wide, `long ${'x'.repeat(100_000)}`);
    t.equal(outlet.lines.length, 1);
    t.ok(Buffer.byteLength(outlet.lines[0] ?? '') <= limits.logLineBytesMax, format);
    t.match(outlet.lines[0], /long x/);
    if (format === 'json') t.match(JSON.parse(outlet.lines[0] ?? ''), { level: 'info', truncated: true });
  }
  const loop: { self?: unknown } = {};
  loop.self = loop;
  const outlet = {
    ...recorder(),
    write: () => {
      throw new Error('EPIPE');
    },
  };
  const log = createLog({ level: 'info', format: 'text' }, outlet);
  log.error({ loop, bytes: new Uint8Array(9), big: 1n, nothing: undefined }, 'told to nobody');
  t.equal(log.lost, 1);
});

test('what repeats for a day is told a few dozen times, never lost, and its silence ends it', async (t) => {
  const outlet = recorder();
  const log = createLog({ level: 'info', format: 'json' }, outlet);
  const perDay = 24 * 3600;
  for (let second = 0; second < perDay; second++) {
    outlet.now = second * 1000;
    log.warn({}, 'the broker is away');
  }
  log.flush();
  const lines = outlet.lines.map((line) => JSON.parse(line) as Line);
  t.ok(lines.length <= 30, `${lines.length} lines`);
  t.equal(1 + lines.reduce((sum, line) => sum + Number(line.repeats ?? 0), 0), perDay, 'every one is in a count');
  outlet.lines.length = 0;
  log.warn({}, 'the broker is away');
  outlet.now += 2 * limits.logFoldMaxMs;
  log.warn({}, 'the broker is away');
  t.notMatch(outlet.lines.at(-1), /times/, 'after a window without repeats it is news again');
});

test('more kinds than are remembered push out the oldest, whose count is still told', async (t) => {
  const fold = new Fold<number>({ firstMs: 10, lastMs: 20, kindsMax: 2 });
  t.ok(fold.admit('a', 0, 1));
  t.notOk(fold.admit('a', 1, 2));
  t.ok(fold.admit('b', 2, 3));
  t.ok(fold.admit('c', 3, 4));
  t.strictSame(fold.due(4), [{ count: 1, latest: 2, overMs: 3 }]);
  t.equal(fold.nextDueMs(), 12);
});
