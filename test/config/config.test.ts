/**
 * The config room on real files. Golden texts live in `bad/*.txt`; `UPDATE_GOLDEN=1` writes them anew, and then a person reads the diff.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { test } from 'tap';
import { parse } from 'yaml';
import { configJsonSchema } from '../../src/config/json-schema.js';
import { type Loaded, type LoadOptions, loadConfig } from '../../src/config/load-config.js';
import { ConfigError } from '../../src/config/problem.js';
import { resolvedYaml } from '../../src/config/redact.js';
import { configReference } from '../../src/config/reference.js';
import { limits } from '../../src/core/limits.js';
import { Secret } from '../../src/core/secret.js';
import { sampleParts } from './sample-parts.js';

const scratch = mkdtempSync(join(tmpdir(), 'shoal-config-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
let files = 0;

/** Writes `shoal.yaml` (and conf.d) into a fresh directory. */
function write(main: string | Uint8Array, extras: Record<string, string> = {}): string {
  const directory = join(scratch, String(files++));
  mkdirSync(join(directory, 'conf.d'), { recursive: true });
  writeFileSync(join(directory, 'shoal.yaml'), main);
  for (const [name, text] of Object.entries(extras)) writeFileSync(join(directory, 'conf.d', name), text);
  return join(directory, 'shoal.yaml');
}

const load = (path: string, options: LoadOptions = {}) => loadConfig(path, sampleParts, { env: {}, hostname: 'pi.lan', ...options });

async function failure(path: string, options: LoadOptions = {}): Promise<ConfigError> {
  try {
    await load(path, options);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`${path} was accepted`);
}

const small = readFileSync('test/config/good/small.yaml', 'utf8');
const bad = resolve('test/config/golden/bad');

/** Cases that a repository cannot hold as files. */
const generated: Record<string, () => string> = {
  missing: () => join(bad, 'missing.yaml'),
  directory: () => bad,
  huge: () => write(`${small}#${'x'.repeat(limits.configBytesMax)}`),
  'not-utf8': () => write(Buffer.from(`${small}# caf\xe9\n`, 'latin1')),
  fifo: () => {
    const path = join(scratch, 'fifo.yaml');
    execFileSync('mkfifo', [path]);
    return path;
  },
  deep: () => write(`version: 1\nstore: ${'['.repeat(200)}${']'.repeat(200)}\n`),
  'very-deep': () => write(`version: 1\nstore: ${'['.repeat(100_000)}`),
  'open-secret': () => {
    const secret = join(scratch, 'open-secret');
    writeFileSync(secret, 'hunter2');
    chmodSync(secret, 0o644);
    const connection = `{ type: mqtt, url: "mqtt://a", password: { file: ${secret} } }`;
    return write(`${small}connections: { lan: ${connection} }\n`);
  },
};

test('each bad configuration is explained, all problems at once, as in its golden text', async (t) => {
  const written = readdirSync(bad)
    .filter((name) => !name.endsWith('.txt'))
    .map((name): [string, string] => [name.replace(/\.yaml$/, ''), join(bad, name.endsWith('.yaml') ? name : join(name, 'shoal.yaml'))]);
  const made = Object.entries(generated).map(([name, make]): [string, string] => [name, make()]);
  t.ok(written.length + made.length >= 80, 'no case was lost');
  const deciding = written.filter(([name]) => name.startsWith('decide-'));
  t.ok(deciding.length >= 30, `${deciding.length} of them are about pipelines and what they decide`);
  for (const [name, path] of [...written, ...made]) {
    const start = performance.now();
    const error = await failure(path);
    t.ok(performance.now() - start < 5000, `${name} is told quickly`);
    t.equal(error.code, ['missing', 'directory', 'huge', 'not-utf8', 'fifo'].includes(name) ? 'CONFIG_UNREADABLE' : 'CONFIG_INVALID', name);
    const text = error.message
      .replaceAll(`${bad}/`, '')
      .replaceAll(bad, 'bad')
      .replaceAll(new RegExp(`${scratch}/(\\d+/)?`, 'g'), '');
    const golden = join(bad, `${name}.txt`);
    if (process.env.UPDATE_GOLDEN) writeFileSync(golden, `${text}\n`);
    t.equal(`${text}\n`, existsSync(golden) ? readFileSync(golden, 'utf8') : '', name);
    t.notMatch(text, /hunter2/, 'a secret is never repeated');
  }
});

test('a good configuration is complete: every default is filled in', async (t) => {
  const { settings, configHash, warnings } = await load('test/config/good/dock.yaml', { purpose: 'check' });
  t.match(configHash, /^[0-9a-f]{16}$/);
  t.match(warnings, [{ severity: 'warning', path: 'connections.lan.password' }]);
  t.same(settings.inputs.inbox, {
    type: 'folder',
    options: { path: '/var/lib/shoal/inbox', done: 'delete', keep_hours: 24 },
    route: 'named',
  });
  t.same(settings.pipelines.voices, {
    from: ['inbox'],
    stages: [{ task: 'detect-speech', as: 'speech', options: { silence_ms: 100 } }],
    report: { mode: 'every', trace: 'summary' },
    priority: 2,
    sinks: ['lan', 'disk'],
  });
  t.same(settings.pipelines.signs?.stages[1], {
    task: 'read-text',
    as: 'lines',
    each: 'regions',
    model: 'ppocr-rec@4.0.0',
    variant: 'int8',
    options: { batch: 8 },
  });
  t.equal(settings.store.keep_days, 3);
});

test('who and where the device is comes from the machine when the file does not say', async (t) => {
  const env = { STATE_DIRECTORY: '/state:/other', RUNTIME_DIRECTORY: '/run/x' };
  const { settings } = await load(write(small), { env, hostname: 'my box.lan' });
  t.same(settings.device, { id: 'my-box-lan', name: 'my-box-lan', site: '' });
  t.same(settings.paths, { state_dir: '/state', run_dir: '/run/x', models_dirs: [] });
  t.equal((await load(write(small))).settings.paths.state_dir, '/var/lib/shoal');
  t.equal(settings.variants, 'pinned', 'a fleet does not drift apart by itself');
  t.equal((await load(write(`${small}variants: auto\n`))).settings.variants, 'auto');
});

test('conf.d is merged in name order: maps merge, lists and values are replaced, hidden and other files are ignored', async (t) => {
  const path = write(`${small}store: { keep_days: 1, max_bytes: 2000000 }\n`, {
    '20-b.yaml': 'store: { keep_days: 3 }\npipelines: { faces: { from: [other] } }\n',
    '10-a.yaml': 'store: { keep_days: 2 }\ninputs: { other: { type: folder, path: /srv/other } }\n',
    '.hidden.yaml': 'version: 7',
    README: 'not yaml: [',
    '30-empty.yaml': '# nothing\n',
  });
  const { settings, files, warnings } = await load(path);
  t.same(settings.store, { keep_days: 3, max_bytes: 2_000_000 });
  t.same(settings.pipelines.faces?.from, ['other']);
  t.same(Object.keys(settings.inputs), ['inbox', 'other']);
  t.same(
    files.map((file) => file.name),
    ['shoal.yaml', 'conf.d/10-a.yaml', 'conf.d/20-b.yaml', 'conf.d/30-empty.yaml'],
  );
  t.match(warnings, [{ path: 'inputs.inbox', message: /no pipeline reads it/ }]);
});

test('an input with route: auto is one of every pipeline, whether it names it, others or none', async (t) => {
  const text = `version: 1
inputs:
  cam: { type: camera, device: a }
  inbox: { type: folder, path: /srv/in, route: auto, zones: { door: [[0, 0], [1, 0], [1, 1]] } }
  mic: { type: folder, path: /srv/mic, route: named }
  late: { type: folder, path: /srv/late, route: auto }
sinks: { disk: { type: file, path: /srv/out } }
pipelines:
  any: { stages: [{ task: detect-faces, as: f }], report: { when: "f.exists(f, in_zone(f.box, 'door'))" } }
  both: { from: [mic, late, cam], stages: [{ task: identify-file, as: kind }, { task: detect-faces, when: "kind.exists(t, t.label == 'png')" }, { task: detect-speech }] }
`;
  const first = await load(write(text));
  const { pipelines, inputs } = first.settings;
  t.same(pipelines.any?.from, ['inbox', 'late']);
  t.same(pipelines.both?.from, ['mic', 'late', 'cam', 'inbox'], 'those it names, in its order, then the others');
  t.equal(inputs.inbox?.route, 'auto');
  t.equal(inputs.cam?.route, 'named');
  t.same(first.warnings, [], 'an input that is offered to all is read');
  t.equal((await load(write(resolvedYaml(first.settings)))).configHash, first.configHash);
});

test('variables are filled into values only, once, and read as a number or a yes where one is needed', async (t) => {
  const text = `${small}device: { id: "\${hostname}", name: "\${NAME}", site: "$\${NAME} \${A}\${B}" }
http: { port: "\${PORT}", enabled: "\${ON}" }
"log": { level: \${LEVEL} }`.replace(`{ level: \${LEVEL} }`, `\n  level: \${LEVEL}`);
  const env = { NAME: `\${A}`, A: '1', B: '2', PORT: '8080', ON: 'false', LEVEL: 'warn' };
  const { settings } = await load(write(text), { env, hostname: 'box' });
  t.same(settings.device, { id: 'box', name: `\${A}`, site: `\${NAME} 12` });
  t.same(settings.http, { port: 8080, enabled: false });
  t.equal(settings.log.level, 'warn');
  t.match(
    (await failure(write(text), { env: { ...env, PORT: '80a' }, hostname: 'box' })).message,
    /http\.port +got "80a" \(string\), need/,
  );
});

test('secrets come from credentials or files, lose one newline, and never show themselves', async (t) => {
  const directory = join(scratch, 'credentials');
  mkdirSync(directory);
  const file = join(scratch, 'secret');
  writeFileSync(join(directory, 'pw'), 'first-value\n\n', { mode: 0o400 });
  writeFileSync(file, 'second-value', { mode: 0o600 });
  const connections = `connections:
  a: { type: mqtt, url: "mqtt://a", password: { credential: pw } }
  b: { type: mqtt, url: "mqtt://b", password: { file: ${file} } }\n`;
  const { settings } = await load(write(small + connections), { env: { CREDENTIALS_DIRECTORY: directory } });
  const secrets = ['a', 'b'].map((name) => settings.connections[name]?.options as { password: Secret }).map(({ password }) => password);
  t.same(
    secrets.map((secret) => secret.reveal()),
    ['first-value\n', 'second-value'],
  );
  const shown = `${JSON.stringify(settings)}${secrets.map(String)}${resolvedYaml(settings)}`;
  t.notMatch(shown, /first-value|second-value/);
  for (const [content, mode, message] of [
    ['x', 0o604, /may be read by everybody.*chmod o-r/],
    ['\n', 0o600, /is empty/],
    ['x'.repeat(limits.secretBytesMax + 1), 0o600, /larger than/],
  ] as const) {
    writeFileSync(file, content);
    chmodSync(file, mode);
    t.match((await failure(write(small + connections), { env: { CREDENTIALS_DIRECTORY: directory } })).message, message);
  }
  t.throws(() => new Secret({ credential: 'x' }).reveal(), { code: 'CONFIG_INVALID' });
});

test('settings are frozen all the way down', async (t) => {
  const { settings } = await load('test/config/good/dock.yaml', { purpose: 'check' });
  const seen: unknown[] = [];
  const walk = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    seen.push(value);
    t.ok(Object.isFrozen(value));
    Object.values(value).forEach(walk);
  };
  walk(settings);
  t.ok(seen.length > 30);
  t.throws(() => ((settings.inputs as Record<string, unknown>).x = 1), TypeError);
});

test('the hash changes with the meaning, and not with comments, order, defaults written out, paths or secrets', async (t) => {
  const hash = async (text: string, options: LoadOptions = {}) => (await load(write(text), { purpose: 'check', ...options })).configHash;
  const base = await hash(small);
  const reordered = small.trim().split('\n').reverse().join('\n# a comment\n');
  t.equal(await hash(reordered), base, 'order and comments');
  t.equal(await hash(`${small}http: { port: 8321 }\n`), base, 'defaults');
  t.equal(await hash(small, { env: { STATE_DIRECTORY: '/elsewhere' } }), base, 'paths');
  t.not(await hash(`${small}http: { port: 8322 }\n`), base);
  t.not(await hash(small, { hostname: 'other' }), base);
  t.not(await hash(small.replace('/srv/in', '/srv/in2')), base);
  const withSecret = (reference: string) =>
    hash(`${small}connections: { a: { type: mqtt, url: "mqtt://a", password: { ${reference} } } }\n`);
  t.equal(await withSecret('credential: x'), await withSecret('credential: y'), 'secrets');
  const filesHashes = new Set([(await load(write(small))).filesHash, (await load(write(`${small}#\n`))).filesHash]);
  t.equal(filesHashes.size, 2, 'the hash of the files does tell comments apart');
});

test('the resolved configuration is itself a configuration with the same hash, and masks what looks like a secret', async (t) => {
  const dock = await load('test/config/good/dock.yaml', { purpose: 'check' });
  const again = await load(write(resolvedYaml(dock.settings)), { purpose: 'check', hostname: 'elsewhere' });
  t.equal(again.configHash, dock.configHash);
  const loose = `${small}connections: { a: { type: mqtt, url: "mqtt://user:hunter2@host" } }\n`;
  const shown = resolvedYaml((await load(write(loose))).settings);
  t.notMatch(shown, /hunter2/);
  t.match(shown, /mqtt:\/\/\*+@host/);
});

test('the JSON Schema for editors accepts the good files and rejects the bad shapes', async (t) => {
  const { $schema: _, ...schema } = configJsonSchema(sampleParts);
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  for (const name of readdirSync('test/config/good')) {
    t.ok(validate(parse(readFileSync(join('test/config/good', name), 'utf8'))), `${name} ${JSON.stringify(validate.errors)}`);
  }
  const shapes = [
    'wrong-type',
    'unknown-key',
    'out-of-range',
    'enum',
    'inline-secret',
    'device-id',
    'version',
    'no-version',
    'decide-too-many-stages',
  ];
  for (const name of shapes) t.notOk(validate(parse(readFileSync(join(bad, `${name}.yaml`), 'utf8'))), name);
  const find = { task: 'detect-faces', as: 'faces' };
  const withStages = (...stages: object[]) =>
    validate({ ...parse(small), pipelines: { p: { from: ['inbox'], stages: [find, ...stages] } } });
  t.ok(withStages({ ...find, as: 'more', each: 'faces', crop: true }, { ...find, each: 'faces', crop: { margin: 0.5 } }));
  t.notOk(withStages({ ...find, crop: true }), 'a crop of nothing');
  t.notOk(withStages({ ...find, each: 'faces' }), 'a task that takes each only with crop');
  t.notOk(withStages({ task: 'read-text', each: 'faces', crop: true }), 'a task that cuts out by itself');
});

test('the reference names every key with its unit, range and default', async (t) => {
  const text = configReference(sampleParts);
  t.match(text, '| `rate_hz` | 0.1 .. 60 (Hz) | `5` | captures a second (Hz) |');
  t.match(text, '| `connection` | text | **required** | a connection |');
  t.match(text, '### stage `task: detect-speech`');
  t.match(text, '| `crop` | true or a map |');
  t.match(text, '| `crop.min_px` | a whole number, 1 .. 16000 (px) | `8` |');
  t.match(text, '| `report.trace` | none, summary or full | `"summary"`');
});

test('the file that cannot be used still says where its last-good would be', async (t) => {
  t.equal((await failure(write('paths: { state_dir: /data/shoal }\n'))).stateDir, '/data/shoal');
  t.equal((await failure(write('paths:\n  state_dir: /data/shoal\nsinks: {\n'))).stateDir, '/data/shoal');
  t.equal((await failure(write('sinks: {\n'))).stateDir, null);
});

test('no text makes loading throw anything but a ConfigError, or hang', async (t) => {
  // Seconds on an idle machine; a busy one starts processes ten times slower.
  t.setTimeout(120_000);
  const outcome = async (text: string | Uint8Array): Promise<Loaded | ConfigError> => {
    const path = join(scratch, 'fuzz.yaml');
    writeFileSync(path, text);
    const start = performance.now();
    const end = await load(path).catch((error: unknown) => {
      if (!(error instanceof ConfigError)) throw error;
      if (error.message.split('\n').length > limits.configProblemsMax + 2) throw new Error('too much is said');
      return error;
    });
    if (performance.now() - start > 8000) throw new Error('too slow');
    return end;
  };
  const dock = readFileSync('test/config/good/dock.yaml', 'utf8');
  const word = fc.constantFrom(
    'version',
    'sinks',
    'type',
    'file',
    '1',
    '{',
    '}',
    '[',
    ']',
    ': ',
    '- ',
    '\n  ',
    '\n',
    '&a ',
    '*a',
    '"',
    "'",
    '!',
    '? ',
    '| ',
    '<<',
    `\${x}`,
    '__proto__',
    '\t',
    '#',
    ',',
    'stages',
    '~',
    '\u0000',
    '🐟',
  );
  const texts = fc.oneof(
    fc.array(word, { maxLength: 60 }).map((words) => words.join('')),
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .tuple(fc.nat(dock.length), fc.nat(40), fc.string({ maxLength: 8 }))
      .map(([at, cut, put]) => dock.slice(0, at) + put + dock.slice(at + cut)),
    fc.tuple(fc.nat(60), fc.array(word, { maxLength: 4 })).map(([line, words]) =>
      dock
        .split('\n')
        .toSpliced(line % 24, 1, words.join(''))
        .join('\n'),
    ),
    fc
      .object({
        key: fc.constantFrom('version', 'sinks', 'inputs', 'pipelines', 'a', 'type', 'stages', 'task', 'report', 'when', 'from'),
        maxDepth: 5,
      })
      .map((value) => JSON.stringify(value)),
    fc.uint8Array({ maxLength: 64 }),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => void (await outcome(text))),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 200) },
  );
  for (const heavy of [
    'a: '.repeat(3000),
    '[{'.repeat(50_000),
    `{${'a,'.repeat(60_000)}}`,
    '- '.repeat(100_000),
    '? '.repeat(20_000),
    `a: |\n${'  x\n'.repeat(200_000)}`,
    '"'.repeat(120_000),
    '\n'.repeat(300_000),
    '&a '.repeat(100_000),
    Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n'),
  ]) {
    t.ok((await outcome(heavy)) instanceof ConfigError, heavy.slice(0, 12));
  }
});
