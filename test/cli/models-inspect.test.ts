/** `shoal models inspect` as an operator meets it, on real files of all kinds; the report itself is tested in its room. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { standardDefaults } from '../../src/cli/command-context.js';
import { inspectCommand } from '../../src/cli/models-inspect.js';
import { runProgram } from '../../src/cli/program.js';
import { nodeOf, tensorOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { limits } from '../../src/core/limits.js';
import { parts } from '../../src/parts.js';
import { bareSpawn } from '../support/bare-spawn.js';
import { modelOf, ones, typedValue } from '../support/tiny-onnx.js';

bareSpawn();
const scratch = mkdtempSync(join(tmpdir(), 'shoal-inspect-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const file = (name: string) => join(scratch, name);
const detector = 'models/blazeface-back/1.2.0/model.onnx';

async function inspect(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const context = {
    parts,
    defaults: standardDefaults,
    version: '1.2.3',
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
  };
  const code = await runProgram(['inspect', ...argv], [inspectCommand], context);
  return { code, out, err };
}

/** A bit of everything: free dimensions, half of it quantized, and things to say about it. */
function sample(): Uint8Array {
  const dequantize = (of: string) => nodeOf('DequantizeLinear', [of, 'scale'], [`${of}_float`]);
  const nodes = [
    nodeOf('QuantizeLinear', ['pixels', 'scale', 'zero'], ['pixels_q']),
    dequantize('pixels_q'),
    dequantize('taps'),
    nodeOf('Conv', ['pixels_q_float', 'taps_float'], ['map'], { pads: [1, 1, 1, 1] }),
    nodeOf('GlobalAveragePool', ['map'], ['pooled']),
    nodeOf('Flatten', ['pooled'], ['flat']),
    nodeOf('Gemm', ['flat', 'matrix'], ['logits']),
    { ...nodeOf('Calibrate', ['logits'], ['scores']), domain: 'org.example' },
  ];
  const initializers = [
    tensorOf('taps', new Int8Array(8 * 3 * 9), [8, 3, 3, 3]),
    ones('matrix', [8, 1000]),
    ones('scale', []),
    tensorOf('zero', Uint8Array.of(128), []),
    tensorOf('left-over', Float32Array.of(Number.NaN), [1]),
  ];
  const inputs = [typedValue('pixels', ['batch', 3, 'height', 'width'])];
  const model = modelOf({ nodes, initializers, inputs, outputs: [typedValue('scores', ['batch', 1000])] });
  model.opsets.set('org.example', 1);
  return writeModel(model);
}

test('the text for a person is laid out as it was agreed', async (t) => {
  writeFileSync(file('sample.onnx'), sample());
  const { code, out, err } = await inspect(file('sample.onnx'), '--dim', 'height=640');
  t.match({ code, err }, { code: 0, err: '' });
  t.equal(out.replace(scratch, '/models'), readFileSync('test/cli/golden/inspect.txt', 'utf8'));
});

test('the JSON has what the text has, for a file outside any folder of models', async (t) => {
  copyFileSync('models/ppocr-det/4.0.0/model.onnx', file('somewhere.bin'));
  const { out } = await inspect(
    file('somewhere.bin'),
    '--json',
    '--dim',
    'p2o.DynamicDimension.1=640',
    '--dim',
    'p2o.DynamicDimension.2=640',
  );
  const report = JSON.parse(out);
  t.match(report, {
    file: file('somewhere.bin'),
    sha256: /^[0-9a-f]{64}$/,
    inputs: [{ name: 'x', type: 'float32', shape: [1, 3, 640, 640] }],
    outputs: [{ shape: [1, 1, 640, 640] }],
    opsets: { 'ai.onnx': Number },
    findings: [],
  });
  t.equal(report.dimensions.filter(({ assumed }: { assumed: boolean }) => assumed).length, 1);
  t.ok(report.work.macs > 2.2e9 && report.work.macs < 2.4e9, 'four times that of 320x320');
});

test('what cannot be inspected is refused in one paragraph that says why', async (t) => {
  const refused = async (path: string, why: RegExp, ...argv: string[]): Promise<void> => {
    const { code, out, err } = await inspect(path, ...argv);
    t.match({ code, out }, { code: why.source.includes('dimension') ? 2 : 1, out: '' }, why.source);
    t.match(err, why);
    t.match(err, /^shoal: [^\n]+\n$/);
  };
  await refused(file('nothing'), /nothing does not exist; need an ONNX file/);
  await refused(scratch, /is a directory, need a file; need an ONNX file/);
  execFileSync('mkfifo', [file('pipe')]);
  await refused(file('pipe'), /pipe is no regular file/);
  symlinkSync('/dev/zero', file('zero'));
  await refused(file('zero'), /zero is no regular file/);
  writeFileSync(file('huge'), '');
  truncateSync(file('huge'), limits.onnxBytesMax + 1);
  await refused(file('huge'), /huge is larger than \d+ bytes/);
  writeFileSync(file('text'), 'this is no model');
  await refused(file('text'), /text: not a readable ONNX model: /);
  writeFileSync(file('empty'), '');
  await refused(file('empty'), /empty: not a readable ONNX model: it has no graph/);
  writeFileSync(file('half'), readFileSync(detector).subarray(0, 300_000));
  await refused(file('half'), /half: not a readable ONNX model: a field of \d+ bytes where \d+ are left/);
  await refused(detector, /there is no free dimension "height" in this model: all its dimensions are fixed/, '--dim', 'height=640');
  t.match(await inspect(detector, '--dim', 'height=0'), { code: 2, err: /Need NAME=SIZE with a size of 1 to 999999/ });
  t.match(await inspect(), { code: 2 });
});

test('a file that may not be read is refused', { skip: process.getuid?.() === 0 ? 'root may read everything' : false }, async (t) => {
  writeFileSync(file('secret'), '');
  chmodSync(file('secret'), 0);
  t.match(await inspect(file('secret')), { code: 1, err: /may not be read by this user/ });
});

test('names that would steer a terminal come out escaped, in text, in JSON and in errors', async (t) => {
  const evil = '\u001b[2J\u009b31m\u202egnp\u{e0041}\r\nFAKE';
  const model = modelOf({
    nodes: [{ ...nodeOf(`Op${evil}`, [`ghost${evil}`], [`y${evil}`]), domain: `dom${evil}` }],
    inputs: [typedValue(`x${evil}`, [`n${evil}`, 2])],
    outputs: [typedValue(`y${evil}`, [`m${evil}`])],
  });
  model.opsets.set(`dom${evil}`, 1);
  writeFileSync(file('evil'), writeModel(model));
  for (const answer of [await inspect(file('evil')), await inspect(file('evil'), '--json')]) {
    t.equal(answer.code, 0);
    t.notMatch(answer.out.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
    t.match(answer.out, /ghost\\u001b\[2J\\u009b31m\\u202egnp\\udb40\\udc41/);
  }
  t.equal((await inspect(file('evil'))).out.match(/^FAKE/m), null);
  t.equal(JSON.parse((await inspect(file('evil'), '--json')).out).inputs[0].name, `x${evil}`);
  const refused = await inspect(file('evil'), '--dim', `${evil.replace(/\s/g, '')}=3`);
  t.match(refused, { code: 2, err: /^shoal: [^\n]+\n$/ });
  t.notMatch(refused.err.trimEnd(), /[\p{Cc}\p{Cf}]/u);
});

test('the whole command is quick and loads neither the runtime nor the image library', async (t) => {
  const atExit = `process.on('exit', () => require('node:fs').writeSync(2, require('node:fs').readFileSync('/proc/self/maps')))`;
  writeFileSync(file('maps.cjs'), atExit);
  const main = new URL('../../src/main.js', import.meta.url).pathname;
  const began = performance.now();
  const model = 'models/ppocr-rec/4.0.0/model.onnx';
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', file('maps.cjs'), main, 'models', 'inspect', model], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  t.comment(`${(performance.now() - began).toFixed(0)} ms from start to end of the process`);
  t.equal(status, 0);
  t.match(stdout, /multiply-accumulates/);
  t.match(stderr, /bin\/node/, 'the maps were written');
  t.notMatch(stderr, /onnxruntime|libvips|sharp/);
});
