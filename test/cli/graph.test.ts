/** `shoal pipelines graph`: what is drawn of a configuration, as text and as a picture; with the bundled models, and with none. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'tap';
import { sharedStages } from '../../src/core/sharing.js';
import { pipeline, stage } from '../support/engine-lab.js';

const root = mkdtempSync(path.join(tmpdir(), 'shoal-graph-'));
const file = path.join(root, 'shoal.yaml');
const nasty = '<b>&"quoted"</b>';
writeFileSync(
  file,
  JSON.stringify({
    version: 1,
    paths: { state_dir: root, run_dir: root },
    inputs: { inbox: { type: 'folder', path: path.join(root, 'in') }, cam: { type: 'folder', path: path.join(root, 'cam') } },
    sinks: { out: { type: 'file', path: path.join(root, 'out') }, alarms: { type: 'file', path: path.join(root, 'alarms') } },
    pipelines: {
      signs: {
        from: ['inbox', 'cam'],
        budget_ms: 800,
        stages: [
          { task: 'detect-text', as: 'regions', variant: 'fp32', stop: { when: 'regions.size() == 0', reason: nasty } },
          { task: 'read-text', each: 'regions', as: 'lines', variant: 'int8', accept: 'score >= 0.8', escalate: { variant: 'fp32' } },
        ],
        report: { when: 'lines.size() > 0' },
        sinks: ['out'],
      },
      badges: {
        from: ['inbox'],
        stages: [
          { task: 'detect-faces', as: 'faces', variant: 'fp32' },
          { task: 'detect-text', as: 'words', variant: 'fp32', when: 'faces.size() > 0' },
          { task: 'landmark-face', each: 'faces', as: 'meshes', variant: 'fp32' },
        ],
        abstain: 'faces.exists(f, f.score < 0.6)',
        max_rate_hz: 5,
        degrade: [{ skip: 'meshes' }, { stage: 'words', variant: 'int8' }],
        report: { mode: 'events', track: { boxes: 'faces', where: 'score > 0.7' } },
      },
      parts: {
        from: ['cam'],
        priority: 2,
        stages: [
          { task: 'detect-text', as: 'found', variant: 'fp32' },
          { task: 'classify-image', as: 'kinds', model: 'nobody@9', each: 'found', crop: true },
        ],
      },
    },
  }),
);

function graph(...argv: string[]): string {
  return execFileSync(path.resolve('bin/shoal'), ['pipelines', 'graph', '-c', file, ...argv], { encoding: 'utf8' });
}

test('the text has every stage with its conditions, the models that would run, and what is shared', (t) => {
  const text = graph();
  t.match(text, /^signs \(budget 800 ms, priority 5\)\n {2}inbox \(folder\), cam \(folder\)\n/);
  t.match(
    text,
    /\n {2}regions \[A\]: detect-text, by ppocr-det@4\.0\.0 fp32\n {4}\| {2}stop when regions\.size\(\) == 0\n {4}\| {7}\+--> report, "<b>/,
  );
  t.match(
    text,
    /\n {2}lines: read-text, each of regions, by ppocr-rec@4\.0\.0 int8\n {4}\| {2}accept score >= 0\.8\n {4}\| {2}else \+--> ppocr-rec@4\.0\.0 fp32\n/,
  );
  t.match(text, /\n {2}report when lines\.size\(\) > 0\n {4}\+--> out \(file\)\n\nbadges/);
  t.match(text, /\n {4}\| {2}when faces\.size\(\) > 0\n {4}v\n {2}words \[A\]:/);
  t.match(
    text,
    /\n {4}\| {2}abstain when faces\.exists\(f, f\.score < 0\.6\)\n {4}v\n {2}report as events, one for each of faces where score > 0\.7\n {4}\+--> out \(file\)\n {4}\+--> alarms \(file\)\n {2}under pressure 1\. meshes left out\n {2}under pressure 2\. words: variant int8\n/,
  );
  t.match(
    text,
    /\nparts \(priority 2\): does not run\n {2}cam \(folder\)\n {4}\|\n {4}v\n {2}found: detect-text, by ppocr-det@4\.0\.0 fp32\n/,
  );
  t.match(
    text,
    /\n {2}kinds: classify-image, each of found cut out, by nobody@9\n {4}\| {2}! model: no model for classify-image is installed, nor "nobody@9"; /,
  );
  t.match(text, /\n {2}\[A\] signs\.regions, badges\.words\n$/, 'a pipeline that does not run shares nothing');
  t.notMatch(text, /[^\n -~]/, 'in seven bits');
  t.notMatch(graph('-p', 'parts'), /badges|inbox/, 'one alone');
  t.end();
});

test('the picture is a file of its own that holds the same, and can be drawn', async (t) => {
  const picture = path.join(root, 'graph.svg');
  t.equal(graph('--svg', picture), `${picture}\n`);
  const svg = readFileSync(picture, 'utf8');
  t.equal(graph('--svg'), svg, 'to standard output as well');
  for (const word of [
    'regions',
    'ppocr-det@4.0.0 fp32',
    'not accepted',
    'when faces.size() &gt; 0',
    'nobody@9',
    'does not run',
    'under pressure 2. words: variant int8',
  ])
    t.ok(svg.includes(word), word);
  t.match(svg, /A {2}runs once on a capture, for signs\.regions, badges\.words/);
  t.notMatch(svg, /<b>/, 'what the configuration says is escaped');
  t.notMatch(svg, /href|url\((?!#)|@import/, 'it needs nothing else');
  const { width = 0, height = 0 } = await sharp(Buffer.from(svg)).metadata();
  t.ok(width > 1000 && height > 400);
  const { channels } = await sharp(Buffer.from(svg)).stats();
  t.ok((channels[0]?.stdev ?? 0) > 5, 'and something is on it');
});

test('a wrong name and a file that cannot be written are told', (t) => {
  const refused = (...argv: string[]) =>
    spawnSync(path.resolve('bin/shoal'), ['pipelines', 'graph', '-c', file, ...argv], { encoding: 'utf8' });
  t.match(refused('-p', 'sings'), { status: 2, stderr: /no pipeline "sings"; it has signs, badges, parts/ });
  t.match(refused('--svg', path.join(root, 'no', 'such.svg')), { status: 2, stderr: /such\.svg cannot be written/ });
  t.end();
});

test('stages are shared by task, model, options, source and recording, on an input that both have', (t) => {
  const from = { from: ['inbox'] };
  const shares = (...pipelines: Parameters<typeof sharedStages>[0]) =>
    sharedStages(pipelines, (task) => task === 'louder').map((group) =>
      group.map(({ pipeline: name, stage: as }) => `${name}.${as}`).join(' '),
    );
  const each = (as: string, more: object = {}) => stage('size', {}, { as: `each-${as}`, each: as, ...more });
  const a = pipeline('a', [stage('size', {}, { as: 'x' }), each('x')], from);
  const b = pipeline('b', [stage('size', {}, { as: 'y', when: 'true' }), each('y')], from);
  t.same(shares(a, b), ['a.x b.y', 'a.each-x b.each-y'], 'names and conditions do not count');
  t.same(shares(a, { ...b, from: ['other'] }), [], 'they never see the same capture');
  t.same(shares(a, pipeline('b', [stage('size', { tiles: 1 }, { as: 'y' }), each('y')], from)), []);
  const accept = { accept: 'score > 0.5', escalate: { model: 'better@1', variant: 'fp32' } };
  const c = pipeline('c', [stage('size', {}, { as: 'z', ...accept }), each('z')], from);
  t.same(shares(a, c), ['a.x c.z'], 'what a second look may change is not promised');
  t.same(shares(c, { ...c, name: 'd' }), ['c.z d.z', 'c.each-z d.each-z']);
  const heard = (by: number) => pipeline(`by-${by}`, [stage('louder', { by }), stage('listen')], from);
  t.same(shares(heard(1), heard(2)), [], 'they hear different recordings');
  t.same(shares(heard(1), { ...heard(1), name: 'again' }), ['by-1.louder again.louder', 'by-1.listen again.listen']);
  t.end();
});
