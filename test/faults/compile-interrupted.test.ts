/** `shoal models compile` as an operator runs it: to its end on real crops, interrupted at several moments, and on wrong input. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import { readCard } from '../../src/registry/card.js';
import { verifyModel } from '../../src/registry/verify.js';
import { bareSpawn } from '../support/bare-spawn.js';
import { withHome } from '../support/processes.js';
import { freshFolder, pageCrops } from '../support/samples.js';
import { until } from '../support/until.js';

const model = path.resolve('models/ppocr-cls/2.0.0/model.onnx');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

class Command {
  stderr = '';
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;

  /** `home` marks every process it starts. */
  constructor(home: string, ...args: readonly string[]) {
    bareSpawn();
    let stdout = '';
    const child = spawn(path.resolve('bin/shoal'), ['models', 'compile', ...args], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8' },
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.child = child;
    this.ended = new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr: this.stderr })));
  }
}

test('a model is compiled into a folder that verifies, and a second time refused', async (t) => {
  const [home, samples] = [freshFolder('home'), await pageCrops(16)];
  const args = [model, '--calibrate', samples, '--max-loss', '50'];
  const { code, stdout, stderr } = await new Command(home, ...args).ended;
  t.equal(code, 0, stderr);
  t.match(stdout, /VARIANT +SIZE +CPU MS A RUN.*\noriginal .* as it is\nfp32 .* kept\nint8 .* (kept|refused)\n/);
  t.match(
    stdout,
    /int8: (kept: it takes|refused: it takes|refused: at most) [\d.]+ % (of the CPU of the fused float|more errors)/,
    'the verdict has its reason',
  );
  t.match(stderr, /trying int8/, 'progress was told');
  const folder = path.join(home, 'compiled/ppocr-cls/2.0.0-compiled');
  t.same(readdirSync(path.dirname(folder)), ['2.0.0-compiled'], 'nothing temporary stays');
  const { card, model: written } = await readCard(folder);
  t.ok(Object.keys(card.variants).includes('fp32'));
  t.same((await verifyModel(written)).problems, []);
  const evidence = JSON.parse(readFileSync(path.join(folder, 'measured.json'), 'utf8'));
  t.match(evidence, { schema: 'shoal/compiled/1', samples: { calibration: 8, held_out: 8 } });

  const again = await new Command(home, ...args).ended;
  t.not(again.code, 0);
  t.match(again.stderr, folder, 'what is there is named, and stays');
});

for (const [signal, phase] of [
  ['SIGINT', 'reading samples'],
  ['SIGINT', 'every tensor'],
  ['SIGTERM', 'trying int8'],
  ['SIGKILL', 'trying int8'],
] as const) {
  test(`${signal} while it is ${phase} leaves everything as it was`, async (t) => {
    const [home, samples] = [freshFolder('home'), await pageCrops(16)];
    const out = path.join(home, 'mine');
    mkdirSync(path.join(out, 'other/1.0.0'), { recursive: true });
    writeFileSync(path.join(out, 'other/1.0.0/card.yaml'), 'name: other\n');
    const command = new Command(home, model, '--calibrate', samples, '--out', out);
    await until(`it says ${phase}`, () => command.stderr.includes(phase), 60_000);
    t.ok(withHome(home).length >= 2, 'it works in a process of its own');
    command.child.kill(signal);
    const { code, stderr } = await command.ended;
    if (signal !== 'SIGKILL') {
      t.equal(code, 1);
      t.match(stderr, /interrupted; nothing was written/);
    }
    await until('no process is left', () => withHome(home).length === 0, 5000);
    t.same(readdirSync(out, { recursive: true }).sort(), ['other', 'other/1.0.0', 'other/1.0.0/card.yaml']);
    t.equal(existsSync(path.join(home, 'compiled')), false);
  });
}

test('wrong input is refused with what to do', async (t) => {
  const home = freshFolder('home');
  const few = await pageCrops(3);
  const foreign = path.join(freshFolder('foreign'), 'foreign.onnx');
  writeFileSync(foreign, readFileSync(model));
  const broken = path.join(freshFolder('broken'), 'broken.onnx');
  writeFileSync(broken, 'no model');
  const enough = await pageCrops(16);
  for (const [what, args, said] of [
    ['no file', ['/nowhere.onnx', '--calibrate', few], /no file; name an ONNX file/],
    ['too few samples', [model, '--calibrate', few], /at least 16|16 samples/],
    ['a file without a card', [foreign, '--calibrate', enough], /Name --model NAME .* or --card FILE/],
    ['another task', [model, '--calibrate', enough, '--task', 'detect-faces'], /is for classify-orientation/],
    ['no model', [broken, '--calibrate', enough, '--model', 'ppocr-cls'], /not a readable ONNX model/],
    ['no percentage', [model, '--calibrate', enough, '--max-loss', 'much'], /Need a number of percent/],
  ] as const) {
    const { code, stderr } = await new Command(home, ...args).ended;
    t.ok(code !== 0 && code !== 70, `${what}: exit code ${code}`);
    t.match(stderr, said, what);
    t.equal(existsSync(path.join(home, 'compiled')), false);
  }
});
