import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { fileSink, fileSinkOptions } from '../../src/sinks/file.js';
import { testSurroundings } from '../support/surroundings.js';
import { delivery, sinkContext } from './file-support.js';

const child = fileURLToPath(new URL('./file-child.js', import.meta.url));

async function setUp(t: Test, options: Record<string, unknown> = {}, path = `${t.testdir()}/results.ndjson`) {
  const around = testSurroundings();
  const sink = fileSink.create('disk', fileSinkOptions.parse({ path, ...options }), sinkContext(around));
  t.teardown(() => sink.stop());
  return { sink, path, around };
}

function numbers(path: string): number[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  if (lines.pop() !== '') throw new Error('the last line is not ended');
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line).number];
    } catch {
      return [];
    }
  });
}

test('each result is one line, in order, and appended to what is there', async (t) => {
  const { sink, path } = await setUp(t);
  await sink.start();
  await Promise.all([1, 2, 3].map((number) => sink.deliver(delivery(number))));
  await sink.stop();
  const second = await setUp(t, {}, path);
  await second.sink.start();
  await second.sink.deliver(delivery(4));
  t.same(numbers(path), [1, 2, 3, 4]);
  await t.rejects(second.sink.deliver({ ...delivery(5), payload: Buffer.from('{\n}') }), { code: 'DELIVERY_REFUSED' });
  await second.sink.stop();
  await t.rejects(second.sink.deliver(delivery(6)), { code: 'DELIVERY_RETRY' });
  t.same(numbers(path), [1, 2, 3, 4]);
});

test('a line cut off by a crash is ended before anything is added', async (t) => {
  const { sink, path } = await setUp(t);
  appendFileSync(path, '{"number":0,"text":""}\n{"number":1,"te');
  await sink.start();
  await sink.deliver(delivery(2));
  t.same(numbers(path), [0, 2]);
});

test('the file is rotated at its size and only so many are kept', async (t) => {
  const { sink, path } = await setUp(t, { max_bytes: 1024 * 1024, keep_files: 2 });
  await sink.start();
  for (let number = 0; number < 40; number++) await sink.deliver(delivery(number, 'y'.repeat(100_000)));
  const names = readdirSync(dirname(path)).sort();
  t.same(names, ['results.ndjson', 'results.ndjson.1', 'results.ndjson.2']);
  t.same(
    [...numbers(`${path}.2`), ...numbers(`${path}.1`), ...numbers(path)],
    Array.from({ length: 30 }, (_, i) => i + 10),
  );
  rmSync(path);
  await sink.deliver(delivery(40));
  renameSync(path, `${path}.moved`);
  await sink.deliver(delivery(41));
  t.same(numbers(path), [41], 'a file that others moved or removed is made anew');
});

test('what cannot be written is rejected for a retry, all of it, and works again when it can', async (t) => {
  const folder = `${t.testdir()}/later`;
  const { sink, path, around } = await setUp(t, {}, `${folder}/results.ndjson`);
  await sink.start();
  const answers = await Promise.allSettled([1, 2, 3].map((number) => sink.deliver(delivery(number))));
  t.same(
    answers.map((answer) => answer.status === 'rejected' && answer.reason.code),
    ['DELIVERY_RETRY', 'DELIVERY_RETRY', 'DELIVERY_RETRY'],
  );
  t.equal(around.lines.filter((line) => line.level === 'warn').length, 1, 'said once');
  mkdirSync(folder);
  await sink.deliver(delivery(1));
  t.same(numbers(path), [1]);
});

test('a full disk takes nothing by halves', { skip: existsSync('/dev/full') ? false : 'no /dev/full' }, async (t) => {
  const { sink } = await setUp(t, {}, '/dev/full');
  await sink.start();
  await t.rejects(sink.deliver(delivery(1)), { code: 'DELIVERY_RETRY', message: /no regular file/ });
  const limited = `${t.testdir()}/limited.ndjson`;
  const code = await new Promise((resolve) => {
    const script = `ulimit -f 64; exec ${process.execPath} ${child} ${limited}`;
    spawn('bash', ['-c', script], { stdio: 'ignore' }).on('exit', resolve);
  });
  t.not(code, 0, 'the file could not grow further');
  const before = numbers(limited);
  t.ok(before.length > 0);
  t.same(
    before,
    Array.from({ length: before.length }, (_, i) => i),
    'whole lines only',
  );
});

test('a link is not followed', async (t) => {
  const dir = t.testdir({ target: '' });
  symlinkSync(`${dir}/target`, `${dir}/link`);
  const { sink } = await setUp(t, {}, `${dir}/link`);
  await sink.start();
  await t.rejects(sink.deliver(delivery(1)), { code: 'DELIVERY_RETRY' });
  t.equal(readFileSync(`${dir}/target`, 'utf8'), '');
});

test('what was acknowledged before a kill in the middle of writing is there', async (t) => {
  const path = `${t.testdir()}/killed.ndjson`;
  const acked: number[] = [];
  for (let round = 0; round < 4; round++) {
    const process_ = spawn(process.execPath, [child, path, String(round * 1_000_000)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const signal = new Promise<string | null>((resolve) => process_.on('exit', (_, name) => resolve(name)));
    let text = '';
    for await (const piece of process_.stdout) {
      text += piece;
      if (text.length > 300 * (round + 1)) process_.kill('SIGKILL');
    }
    t.equal(await signal, 'SIGKILL', 'the child was killed at work');
    acked.push(...text.split('\n').slice(0, -1).map(Number));
  }
  const { sink } = await setUp(t, {}, path);
  await sink.start();
  const there = new Set(numbers(path));
  t.ok(acked.length > 100, `${acked.length} were acknowledged`);
  t.same(
    acked.filter((number) => !there.has(number)),
    [],
  );
});
