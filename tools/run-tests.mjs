// Runs compiled tests, each file a process of its own, and says in its last line what CI reads: "N passed, N failed"
// (and ", N skipped"). The files are started by plain Node: tap's own runner puts a loader into every process they start in
// turn, which doubles the time of the suite and hides what environment a child really gets from us.
// A file whose tests have all been told but whose process does not end is ended here and says what it held open: its tests
// are judged by what they said, and what keeps a process of the product alive is a matter for tests that look at that.
// usage: run-tests.mjs FOLDER... [-- --jobs=N --timeout=SECONDS]; a folder is taken below test/. Without one: all but faults/ and the
// files named *.slow.test.ts, which `slow` stands for.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const split = process.argv.indexOf('--');
const folders = process.argv.slice(2, split === -1 ? undefined : split);
const option = (name, otherwise) => Number(process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise);
const jobs = option('jobs', 3);
const timeoutS = option('timeout', 240);
/** How long a process may take to end after its last test: a loaded board needs a few seconds. */
const graceMs = 20_000;

/** They start dozens of processes, or build many models: not for every change. */
function isSlow(file) {
  return file.endsWith('.slow.test.ts');
}

const files = readdirSync('test', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((file) =>
    folders.length === 0
      ? !file.startsWith('test/faults/') && !isSlow(file)
      : folders.some((folder) => (folder === 'slow' ? isSlow(file) : file.startsWith(join('test', folder)))),
  )
  // The largest first: a long one that starts last would run alone.
  .sort((a, b) => statSync(b).size - statSync(a).size);

const count = { passed: 0, failed: 0, skipped: 0 };
const skips = new Map();
/** Each file's process, with the temporary folder it was given. */
const running = new Map();
const began = Date.now();

/** A file's tests with their own lines each, what came after the last of them, and what it said on stderr. */
async function run(file) {
  const started = Date.now();
  // Processes that are killed cannot clean up; users a test gives its rights to must come through.
  const scratch = mkdtempSync(join(tmpdir(), 'shoal-test-'));
  chmodSync(scratch, 0o755);
  const diagnosis = ['--report-on-signal', '--report-signal=SIGUSR2', '--report-filename=report.json', `--report-directory=${scratch}`];
  const child = spawn(process.execPath, [...diagnosis, '--enable-source-maps', join('dist', file.replace(/\.ts$/, '.js'))], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what it leaves behind can be ended with it.
    detached: true,
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1', TAP_TIMEOUT: String(timeoutS), TMPDIR: scratch },
  });
  running.set(child, scratch);
  let [stdout, stderr] = ['', ''];
  let lingering = null;
  let idle;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    if (/^# time=/m.test(text)) {
      idle = setTimeout(async () => {
        lingering = await heldOpen(child, scratch);
        end(child);
      }, graceMs);
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr = (stderr + text).slice(-100_000);
  });
  // tap itself ends a file at its timeout and says which test it was in; this is for one that cannot even do that.
  const killer = setTimeout(() => end(child), (timeoutS + 15) * 1000);
  const closed = new Promise((resolve) => child.once('close', resolve));
  const [code, signal] = await new Promise((resolve) => child.once('exit', (...how) => resolve(how)));
  clearTimeout(killer);
  clearTimeout(idle);
  // What the file left running holds the pipes open.
  end(child);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 5000).unref())]);
  running.delete(child);
  clear(scratch);
  const tap = readTap(stdout);
  if (lingering !== null) process.stdout.write(`${file} did not end by itself; it held open:\n${lingering}\n`);
  const ended = lingering === null ? (signal ?? code) : tap.planned === tap.tests.length ? 0 : 'an unfinished plan';
  return { file, ended, seconds: (Date.now() - started) / 1000, ...tap, stderr };
}

/** What keeps a process alive, from its own report, or from the kernel where it cannot write one. */
async function heldOpen(child, scratch) {
  try {
    process.kill(child.pid, 'SIGUSR2');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const report = JSON.parse(readFileSync(join(scratch, 'report.json'), 'utf8'));
    const handles = report.libuv.filter((handle) => handle.is_active && handle.is_referenced && handle.type !== 'loop');
    return [...handles.map((handle) => JSON.stringify(handle)), JSON.stringify(report.javascriptStack?.stack ?? [])].join('\n');
  } catch (error) {
    const tasks = (name) => {
      try {
        return readdirSync(`/proc/${child.pid}/task`).map((id) => readFileSync(`/proc/${child.pid}/task/${id}/${name}`, 'utf8').trim());
      } catch {
        return [];
      }
    };
    return `no report (${error.message}); threads ${tasks('comm')}; waiting in ${tasks('wchan')}`;
  }
}

function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

function clear(scratch) {
  try {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  } catch (error) {
    process.stdout.write(`${scratch} stays: ${error.message}\n`);
  }
}

function readTap(text) {
  const tests = [];
  let block = [];
  let planned = null;
  for (const line of text.split('\n')) {
    const plan = /^1\.\.(\d+)/.exec(line);
    if (plan) planned = Number(plan[1]);
    const test = /^(not )?ok \d+ - (.*?)(?: # time=\S+)?(?: \{)?$/.exec(line);
    // What a failed test has to say follows its line, indented.
    if (block.length === 0 && /^ {2}(---|\.\.\.| )/.test(line) && tests.at(-1)?.failed) tests.at(-1).lines.push(line);
    else if (/\S/.test(line)) block.push(line);
    if (!test) continue;
    const skip = / # (?:SKIP|TODO)\s*(.*)$/i.exec(test[2]);
    tests.push({ name: test[2], failed: test[1] !== undefined && !skip, skip: skip?.[1], lines: block });
    block = [];
  }
  return { tests, planned, rest: block };
}

function report({ file, ended, seconds, tests, rest, stderr }) {
  const failed = tests.filter((test) => test.failed);
  const ownFailure = failed.length === 0 && (ended !== 0 || tests.length === 0);
  count.failed += failed.length + (ownFailure ? 1 : 0);
  for (const test of tests) {
    if (test.skip === undefined) count.passed += test.failed ? 0 : 1;
    else {
      count.skipped++;
      skips.set(test.skip, (skips.get(test.skip) ?? 0) + 1);
    }
  }
  const bad = failed.length > 0 || ownFailure;
  process.stdout.write(`${bad ? 'FAILED' : 'ok    '} ${file.replace(/\.ts$/, '')} ${tests.length} tests, ${seconds.toFixed(1)} s\n`);
  if (!bad) {
    // What was asked for by name is also asked what it measured.
    const said = tests.flatMap(({ lines }) => lines.filter((line) => /^\s+# (?!time=|Subtest:)/.test(line)));
    if (folders.length > 0 && said.length > 0) process.stdout.write(`${said.join('\n')}\n`);
    return;
  }
  for (const test of failed) process.stdout.write(`${test.lines.filter((line) => !/^\s+ok \d/.test(line)).join('\n')}\n`);
  process.stdout.write(`${rest.join('\n')}\n${stderr}\n${file} ended with ${ended}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const [child, scratch] of running) {
      end(child);
      clear(scratch);
    }
    process.stdout.write(`ended by ${signal}\n${count.passed} passed, ${count.failed + running.size} failed\n`);
    process.exit(1);
  });
}

const waiting = [...files];
async function work() {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) report(await run(file));
}
await Promise.all(Array.from({ length: jobs }, work));

for (const [reason, times] of skips) process.stdout.write(`skipped ${times}: ${reason || 'no reason given'}\n`);
if (skips.size > 0 && !process.env.SHOAL_TEST_DATA) {
  process.stdout.write('Some need the shared test data: set SHOAL_TEST_DATA to its folder.\n');
}
process.stdout.write(`${files.length} files in ${((Date.now() - began) / 1000).toFixed(0)} s\n`);
process.stdout.write(`${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}\n`);
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
