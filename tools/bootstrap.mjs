// Makes a clone ready: installs the locked packages when they are missing or older than the lockfile, builds when a
// source is newer than the build. Prints only when there is something to do.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Shoal needs Node 20.19 or newer; this is ${process.version}.`);
}

const installed = modified('node_modules/.package-lock.json');
const linked = lstatSync('node_modules', { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
// An install would empty the folder that others may be using.
if (linked && installed === 0) fail('node_modules is a link to a folder without packages; run npm ci where it leads, or remove the link.');
if (!linked && (installed === 0 || installed < modified('package-lock.json') - 1000)) {
  run('installing the locked packages (npm ci); better-sqlite3 is compiled where no binary can be fetched, about a minute', 'npm', [
    'ci',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
}
const built = modified('dist/.built');
const newest = Math.max(...['src', 'test', 'bench', 'tools'].map(newestIn), modified('tsconfig.json'), modified('package-lock.json'));
if (built < newest) run('building', 'npm', ['run', '--silent', 'build']);

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function newestIn(directory) {
  if (!existsSync(directory)) return 0;
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .reduce((newest, entry) => Math.max(newest, modified(join(entry.parentPath, entry.name))), 0);
}

function run(what, command, args) {
  process.stderr.write(`shoal: ${what} ...\n`);
  const { status } = spawnSync(command, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) fail(`shoal: ${command} ${args.join(' ')} failed with exit code ${status}; the lines above say why.`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
