/** `shoal models add` and its like as an operator runs them: to the end, killed at any moment, and on what must be refused. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { readModel } from '../../src/compile/onnx/read.js';
import { openRegistry } from '../../src/registry/registry.js';
import { verifyModel } from '../../src/registry/verify.js';
import { type Board, catalogueBoard, type Ended } from '../support/catalogue-board.js';
import { cannotMount } from '../support/folder-bench.js';
import { bySha256 } from '../support/https-files.js';
import { putEntry, served, weights, weightsSha256 } from '../support/tiny-catalogue.js';
import { withWeightsOutside } from '../support/tiny-onnx.js';
import { until } from '../support/until.js';

const whole = ['LICENSE', 'card.yaml', 'golden', 'golden/SOURCES.md', 'golden/input.jpg', 'golden/output.json', 'model.onnx'];
const bundled = (await openRegistry(['models'])).list();
const model = ['face-finder', 'face-finder/1.0.0', ...whole.map((file) => `face-finder/1.0.0/${file}`)];

/** Ended with this code and one line of reason, and nothing was installed. */
function refused(t: Test, board: Board, { code, out, err }: Ended, wanted: number, reason: RegExp): void {
  t.equal(code, wanted, err);
  t.equal(out, '');
  t.match(err, reason);
  t.equal(
    err
      .trim()
      .split('\n')
      .filter((line) => !/^shoal: +\d+ %/.test(line)).length,
    1,
    `one line: ${err}`,
  );
  t.strictSame(board.installed(), [], 'nothing is left behind');
}

test('a model is added with one command, shown, verified, exported, added elsewhere, and removed', async (t) => {
  const board = await catalogueBoard(t);
  const before = JSON.parse((await board.models('catalogue', '--json')).out) as Record<string, unknown>[];
  t.match(
    before.find(({ name }) => name === 'face-finder'),
    {
      version: '1.0.0',
      task: 'detect-faces',
      licence: 'Apache-2.0',
      bundled: false,
      installed: false,
      usable: true,
      bytes: weights.length,
      download_bytes: weights.length,
      commercial_use: true,
      accuracy: [],
      cost: null,
      files: [{ file: 'model.onnx', sha256: weightsSha256, bytes: weights.length, url: /^https:/ }],
    },
  );
  t.match(
    before.find(({ name }) => name === 'ppocr-rec'),
    { bundled: true, installed: true, accuracy: [{ metric: 'character error rate' }, {}], files: [] },
  );

  const added = await board.models('add', 'face-finder');
  t.equal(added.code, 0, added.err);
  t.match(
    added.out,
    /^face-finder@1\.0\.0 is in .*\/state\/models\/face-finder\/1\.0\.0 \(0\.6 MB, Apache-2\.0\): files, task and tensors are as/,
  );
  t.match(
    added.out,
    /Nothing that runs changes by it: name "model: face-finder" in a stage for detect-faces\.\nThe daemon reads models, pins and calibrations at its start/,
  );
  t.match(added.err, /fetching model\.onnx\n.*verifying face-finder@1\.0\.0/);
  t.strictSame(board.installed(), model);
  t.equal(board.mirror.asked.length, 1);

  t.match(await board.models('add', 'face-finder@1.0.0'), { code: 0, out: 'face-finder@1.0.0 is installed already.\n', err: '' });
  t.equal(board.mirror.asked.length, 1, 'and is not fetched again');
  t.match((await board.models('list')).out, /^face-finder@1\.0\.0 +detect-faces +fp32 +pinned/m);
  t.match((await board.models('catalogue')).out, /^face-finder@1\.0\.0 +detect-faces +installed +0\.6 MB/m);
  t.match(await board.models('verify', 'face-finder'), { code: 0, out: 'ok    face-finder@1.0.0\n' });

  const tar = path.join(board.dir, 'face-finder.tar');
  t.match(await board.models('export', 'face-finder', '--to', tar), { code: 0, out: /elsewhere: shoal models add / });
  t.match(await board.models('export', 'face-finder', '--to', path.join(board.dir, 'usb')), { code: 0 });
  t.match(await board.models('export', 'face-finder', '--to', tar), { code: 2, err: /is there already/ });
  for (const from of [tar, path.join(board.dir, 'usb'), path.join(board.dir, 'usb', 'face-finder', '1.0.0')]) {
    const elsewhere = await catalogueBoard(t, { name: 'unrelated' });
    t.match(await elsewhere.models('add', from), { code: 0, out: /^face-finder@1\.0\.0 is in/ }, from);
    t.strictSame(elsewhere.installed(), model);
    t.strictSame(elsewhere.mirror.asked, [], 'without a network');
  }
  t.match(await board.models('remove', 'face-finder'), { code: 0, out: /^face-finder@1\.0\.0 is removed/ });
  t.strictSame(board.installed(), []);
});

test('a newer version says what will run otherwise, and how to keep what runs', async (t) => {
  const board = await catalogueBoard(t, { name: 'blazeface-back', version: '1.3.0' });
  const { code, out, err } = await board.models('add', 'blazeface-back');
  t.equal(code, 0, err);
  t.match(
    out,
    /Stages for detect-faces that name no model will run blazeface-back@1\.3\.0, no longer blazeface-back@1\.2\.0 \("shoal models pin blazeface-back@1\.2\.0" keeps it\)/,
  );
  t.match(await board.models('remove', 'blazeface-back@1.3.0'), {
    code: 2,
    err: /the pipeline faces runs blazeface-back@1\.3\.0: change the configuration/,
  });
  t.match(await board.models('pin', 'blazeface-back@1.2.0'), { code: 0, out: /^blazeface-back is pinned to version 1\.2\.0\.\n/ });
  t.match((await board.models('list')).out, /On this board blazeface-back is pinned to version 1\.2\.0\./);
  t.match(await board.models('remove', 'blazeface-back@1.2.0'), { code: 2, err: /comes with Shoal and stays/ });
  t.match(await board.models('pin', 'blazeface-back@1.3.0', '--variant', 'fp32'), { code: 0 });
  t.match((await board.models('list')).out, /^blazeface-back@1\.3\.0 +detect-faces +fp32 +pinned here/m);
  t.match(JSON.parse((await board.models('list', '--json')).out), {
    pins: { 'blazeface-back': { version: '1.3.0', variant: 'fp32' } },
    pin_problems: [],
  });
  t.match(await board.models('remove', 'blazeface-back@1.3.0'), {
    code: 2,
    err: /is pinned on this board: "shoal models pin blazeface-back --clear" first/,
  });
  t.match(await board.models('remove', 'blazeface-back@1.3.0', '--force'), { code: 0 });
  t.match(
    (await board.models('list')).out,
    /A pin is not kept: blazeface-back@1\.3\.0 is pinned, and not installed: blazeface-back@1\.2\.0 runs\./,
  );
  t.match(await board.models('pin', 'blazeface-back', '--clear'), { code: 0, out: /no longer pinned/ });
  t.match(await board.models('pin'), { code: 0, out: 'Nothing is pinned on this board.\n' });
});

test('pins that cannot be kept are refused, and a damaged file of pins is told', async (t) => {
  const board = await catalogueBoard(t);
  for (const [argv, reason] of [
    [['nonesuch@1.0.0'], /"nonesuch@1\.0\.0" is not installed; there is .*silero-vad@6\.2\.1/],
    [['../x@1.0.0'], /is not installed/],
    [['silero-vad@9.9.9'], /there is silero-vad@6\.2\.1/],
    [['silero-vad'], /name a version to pin, such as silero-vad@6\.2\.1, or --variant/],
    [['silero-vad', '--variant', 'int4'], /has no variant "int4", only frames, fp32/],
    [['silero-vad', '--clear'], /is not pinned/],
    [['--variant', 'fp32'], /name the model to pin/],
  ] as const) {
    t.match(await board.models('pin', ...argv), { code: 2, err: reason });
  }
  t.notOk(existsSync(path.join(board.state, 'pins.json')));
  mkdirSync(board.state, { recursive: true });
  writeFileSync(path.join(board.state, 'pins.json'), '{"schema":"shoal/pins/1","models":{"x":{}}}');
  t.match(
    (await board.models('pin')).out,
    /Not kept: .*pins\.json is not used, so no model is pinned: models\.x: a version or a variant is needed/,
  );
});

test('what must not be installed is refused in one line, and nothing is left behind', async (t) => {
  const board = await catalogueBoard(t);
  const misses: [string[], number, RegExp][] = [
    [['add', 'face-finde'], 1, /"face-finde" is not in the catalogue; did you mean face-finder\?/],
    [['add', 'face-finder@2.0.0'], 1, /which has face-finder@1\.0\.0/],
    [['add', '..'], 1, /is not in the catalogue/],
    [['add', '../x'], 1, /\.\.\/x is no folder or archive/],
    [['add', '/etc/passwd'], 1, /\/etc\/passwd: it is no tar archive/],
    [['add', '/etc'], 1, /holds no model/],
    [['add', 'face-finder@../../x'], 1, /is no folder or archive/],
    [['add', 'face-finder', '--compile', '/nonexistent'], 2, /is no folder of samples/],
    [['remove', '../x'], 2, /is not installed/],
    [['remove', 'silero-vad'], 2, /comes with Shoal/],
    [['export', 'nonesuch', '--to', '/tmp/x.tar'], 2, /is not installed/],
  ];
  for (const [argv, code, reason] of misses) refused(t, board, await board.models(...argv), code, reason);

  putEntry(board.catalogue, { name: 'future', card: { task: 'read-minds' } });
  refused(t, board, await board.models('add', 'future'), 2, /future@1\.0\.0 is for read-minds, which this version of Shoal does not know/);
  t.match((await board.models('catalogue')).out, /cannot run all of them: future@1\.0\.0 is for read-minds/);
  putEntry(board.catalogue, { name: 'unfit', card: { params: {} } });
  refused(t, board, await board.models('add', 'unfit'), 1, /unfit@1\.0\.0 is not installed: .*params/);
  const outputs = [{ name: 'no-such-output', dtype: 'float32', shape: [1] }];
  putEntry(board.catalogue, { name: 'wrong-tensors', card: { outputs } });
  refused(t, board, await board.models('add', 'wrong-tensors'), 1, /wrong-tensors@1\.0\.0 is not installed: .*output/i);

  putEntry(board.catalogue, {
    name: 'not-for-sale',
    card: { commercial_use: false, licence: 'CC-BY-NC-4.0', licence_note: 'For research.' },
  });
  refused(
    t,
    board,
    await board.models('add', 'not-for-sale'),
    2,
    /the licence of not-for-sale@1\.0\.0, CC-BY-NC-4\.0, forbids commercial use\. For research\. Say --accept/,
  );
  t.match((await board.models('catalogue')).out, /CC-BY-NC-4\.0 \(no commercial use\)/);
  t.match(await board.models('add', 'not-for-sale', '--accept-licence'), { code: 0 });
  t.match(JSON.parse((await board.models('licences', '--json')).out), [
    ...bundled.map(() => ({ installed: true, bundled: true })),
    { model: 'not-for-sale@1.0.0', commercial_use: false, note: 'For research.', text: /not-for-sale\/1\.0\.0\/LICENSE$/ },
  ]);
});

test('hostile mirrors end in one line with nothing left: wrong bytes, no end, a redirect to loopback', async (t) => {
  const answers: [Parameters<typeof catalogueBoard>[2] & object, RegExp][] = [
    [(_, response) => void response.writeHead(200).end(Buffer.alloc(weights.length)), /has SHA-256 [0-9a-f]{64}, 427cbbe0\w+ is promised/],
    [
      (_, response) => {
        response.writeHead(200);
        const pour = (): void => {
          for (let open = true; open && !response.destroyed; ) open = response.write(weights);
        };
        response.on('drain', pour);
        pour();
      },
      /has more than the 603432 bytes that are promised/,
    ],
    [
      (request, response) => void response.writeHead(302, { location: `https://localhost:${request.socket.localPort}/x` }).end(),
      /localhost is .*, a private address/,
    ],
    [(_, response) => void response.writeHead(404).end(), /answered 404/],
  ];
  for (const [answer, reason] of answers) {
    const board = await catalogueBoard(t, {}, answer);
    refused(t, board, await board.models('add', 'face-finder'), 1, reason);
    t.equal(board.mirror.asked.length, 1, 'the mirror was asked');
  }
});

test('sources count only from a file that nobody else can have written', async (t) => {
  const board = await catalogueBoard(t);
  chmodSync(board.config, 0o664);
  refused(
    t,
    board,
    await board.models('add', 'face-finder'),
    78,
    /models\.sources is refused: others than its owner may write it.*chmod go-w/,
  );
  chmodSync(board.config, 0o644);
  if (process.getuid?.() === 0) {
    chownSync(board.config, 12345, 12345);
    refused(t, board, await board.models('add', 'face-finder'), 78, /it belongs to user 12345, and only root may decide it; chown root/);
    chownSync(board.config, 0, 0);
  }
  const conf = path.join(board.dir, 'conf.d');
  mkdirSync(conf);
  writeFileSync(path.join(conf, '10.yaml'), 'device: { site: here }\n');
  chmodSync(path.join(conf, '10.yaml'), 0o666);
  refused(t, board, await board.models('add', 'face-finder'), 78, /conf\.d\/10\.yaml: models\.sources is refused/);
  rmSync(conf, { recursive: true });
  chmodSync(board.dir, 0o777);
  refused(
    t,
    board,
    await board.models('add', 'face-finder'),
    78,
    /shoal-board-\w+: models\.sources is refused: others than its owner may write/,
  );
  chmodSync(board.dir, 0o1777);
  t.strictSame(board.mirror.asked, []);
  t.match(await board.models('add', 'face-finder'), { code: 0 }, 'nobody replaces what is another in a sticky folder');
  t.match(await board.models('remove', 'face-finder'), { code: 0 });
  board.configure({ models: { public: false } });
  refused(t, board, await board.models('add', 'face-finder'), 1, /nowhere to fetch from/);
});

test('a model whose weights lie elsewhere is not taken, since no hash covers them', async (t) => {
  const board = await catalogueBoard(t);
  t.match(await board.models('add', 'face-finder'), { code: 0 });
  const folder = path.join(board.dir, 'usb', 'face-finder', '1.0.1');
  cpSync(path.join(board.state, 'models', 'face-finder', '1.0.0'), folder, { recursive: true });
  const [name] = readModel(weights).graph.initializers.map((tensor) => tensor.name);
  const outside = withWeightsOutside(weights, name ?? '');
  writeFileSync(path.join(folder, 'model.onnx'), outside);
  const hash = createHash('sha256').update(outside).digest('hex');
  const card = readFileSync(path.join(folder, 'card.yaml'), 'utf8')
    .replace('1.0.0', '1.0.1')
    .replaceAll(weightsSha256, hash)
    .replaceAll(`${weights.length}`, `${outside.length}`);
  writeFileSync(path.join(folder, 'card.yaml'), card);
  t.match(await board.models('add', folder), { code: 1, err: /model\.onnx keeps the data of 1 of its tensors .* in other files/ });
  t.match(await board.models('remove', 'face-finder'), { code: 0 });
  t.strictSame(board.installed(), []);
});

test('a full disk is told as one, without asking another source, and the next add succeeds', { skip: cannotMount() }, async (t) => {
  const board = await catalogueBoard(t);
  const target = path.join(board.state, 'models');
  mkdirSync(target, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', target]);
  try {
    const source = { url: `https://127.0.0.1:${board.mirror.port}/models`, allow_private: true, ca_file: board.mirror.caFile };
    board.configure({ models: { sources: [source, source], public: false } });
    refused(t, board, await board.models('add', 'face-finder'), 1, /state\/models cannot be changed: ENOSPC.*make room/);
    t.equal(board.mirror.asked.length, 1);
    execFileSync('mount', ['-o', 'remount,size=10M', target]);
    t.match(await board.models('add', 'face-finder'), { code: 0 });
  } finally {
    execFileSync('umount', [target]);
  }
});

test('a token goes to its source, and only when it is well kept', async (t) => {
  const board = await catalogueBoard(t);
  const token = path.join(board.dir, 'token');
  writeFileSync(token, 's3cret-token\n', { mode: 0o644 });
  const source = {
    url: `https://127.0.0.1:${board.mirror.port}/models`,
    allow_private: true,
    ca_file: board.mirror.caFile,
    token_file: token,
  };
  board.configure({ models: { sources: [source], public: false } });
  refused(t, board, await board.models('add', 'face-finder'), 78, /may be read by everybody on this machine: chmod o-r/);
  chmodSync(token, 0o600);
  t.match(await board.models('add', 'face-finder'), { code: 0 });
  t.match(board.mirror.asked, [{ authorization: 'Bearer s3cret-token' }]);
});

/** Nothing visible but whole models, and the next `add` succeeds and clears up. */
async function soundAfter(t: Test, board: Board): Promise<void> {
  const target = path.join(board.state, 'models');
  const visible = existsSync(target) ? readdirSync(target).filter((name) => !name.startsWith('.')) : [];
  if (visible.length > 0) {
    const registry = await openRegistry([target]);
    t.strictSame(registry.problems, []);
    for (const known of registry.list()) t.strictSame((await verifyModel(known)).problems, [], 'what is visible is whole');
  }
  const again = await board.models('add', 'face-finder');
  t.equal(again.code, 0, again.err);
  // An add that finds the model there changes nothing; the one after a removal clears.
  await board.models('remove', 'face-finder');
  t.strictSame(board.installed(), [], 'and nothing hidden stays');
}

test('killed in the middle of a download, nothing half-installed is left', async (t) => {
  let halves = 0;
  const board = await catalogueBoard(t, {}, (request, response) => {
    if (++halves > 3) return bySha256(served)(request, response);
    response.writeHead(200, { 'content-length': weights.length }).write(weights.subarray(0, weights.length / 2));
  });
  for (let round = 1; round <= 3; round++) {
    const running = board.start('add', 'face-finder');
    const own = `.changing-${running.process.pid}-`;
    const half = (): boolean =>
      board
        .installed()
        .some(
          (name) =>
            name.startsWith(own) &&
            /fetched\/[0-9a-f]{64}\.0$/.test(name) &&
            readFileSync(path.join(board.state, 'models', name)).length > 100_000,
        );
    await until('half of it is on disk', half);
    running.process.kill('SIGKILL');
    t.equal((await running.ended).signal, 'SIGKILL');
    t.ok(half(), 'it was in the middle');
    t.notOk(existsSync(path.join(board.state, 'models', 'face-finder')));
  }
  t.equal(readdirSync(path.join(board.state, 'models')).length, 1, 'each clears what the one before has left');
  await soundAfter(t, board);
});

test('killed while it verifies, installs or has just installed, there is the whole model or none', async (t) => {
  const board = await catalogueBoard(t);
  const seen = { none: 0, whole: 0 };
  for (let round = 0; round < 24 && (round < 10 || seen.none === 0 || seen.whole === 0); round++) {
    const running = board.start('add', 'face-finder');
    await until('it verifies', () => /verifying/.test(running.said()) || running.process.exitCode !== null);
    // A busy machine verifies for longer.
    await sleep(((round * 97) % 900) * (round >= 10 && seen.whole === 0 ? 4 : 1));
    running.process.kill('SIGKILL');
    await running.ended;
    seen[existsSync(path.join(board.state, 'models', 'face-finder', '1.0.0')) ? 'whole' : 'none']++;
    const names = board.installed().filter((name) => !name.startsWith('.'));
    t.ok(names.length === 0 || names.join() === model.join() || names.join() === 'face-finder', `round ${round}: ${names.length} names`);
    if (names.length > 1) {
      t.strictSame((await openRegistry([path.join(board.state, 'models')])).problems, []);
      t.match(await board.models('remove', 'face-finder'), { code: 0 });
    }
  }
  t.ok(seen.none > 0 && seen.whole > 0, `kills fell before and after the rename: ${JSON.stringify(seen)}`);
  await soundAfter(t, board);
});

test('Ctrl-C ends an add with a sentence and nothing left, whatever it is at', async (t) => {
  const stuck = await catalogueBoard(t, {}, (_, response) => void response.writeHead(200).write('x'));
  const fetching = stuck.start('add', 'face-finder');
  await until('it fetches', () => stuck.mirror.asked.length === 1);
  fetching.process.kill('SIGINT');
  refused(t, stuck, await fetching.ended, 1, /interrupted; nothing was installed/);
  const board = await catalogueBoard(t);
  const verifying = board.start('add', 'face-finder');
  await until('it verifies', () => /verifying/.test(verifying.said()));
  verifying.process.kill('SIGTERM');
  refused(t, board, await verifying.ended, 1, /interrupted; nothing was installed/);
});
