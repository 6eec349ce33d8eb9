/**
 * The process that holds a serial line: what comes in on the line goes out on standard output. The only door to the package serialport.
 *
 * Guarantees: whatever the native binding does, crash or hang, it does here; its last line on stderr says why it ended and what an
 * operator can do, after the words `portEnd`. Ends with its parent (setpriv), or with the first byte that nobody reads any more. Deliberately
 * knows no framing and tries nothing twice.
 */
import { existsSync, statSync } from 'node:fs';
import { limits } from '../../core/limits.js';
import { whatIsThere, whoHas, whoMay } from '../live/device.js';
import { notInstalled, type PortPlan, portEnd } from './port-plan.js';

const plan = JSON.parse(process.argv[2] ?? '{}') as PortPlan;

function end(why: string): void {
  process.stderr.write(`${portEnd} ${why.split('\n', 1)[0]}\n`, () => process.exit(1));
}

/** The binding has words and no codes. */
async function advice(message: string): Promise<string> {
  const { path } = plan;
  if (/no such file|no such device|ENOENT|ENODEV|ENXIO/i.test(message)) return notThere(path);
  if (/permission|EACCES|EPERM/i.test(message)) return await whoMay(path, 'dialout');
  if (/cannot lock|busy|temporarily unavailable/i.test(message)) return await whoHas(path);
  return `${path} cannot be used: ${message}`;
}

async function notThere(path: string): Promise<string> {
  const byId = await whatIsThere(path, '/dev/serial/by-id', /./);
  return byId.includes('nothing like it') ? await whatIsThere(path, '/dev', /^tty(USB|ACM|AMA|S|THS)\d+$/) : byId;
}

/** Whether it was pulled or hung up; told a moment later, when the system has taken the name of what was pulled away. */
async function closed(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return existsSync(plan.path) ? `${plan.path} was closed, or another device came in its place` : notThere(plan.path);
}

/** Which device a path leads to; empty where to none. */
function identity(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? '' : `${found.dev}:${found.ino}:${found.rdev}`;
}

/** A line that was hung up reads as empty, and the binding reads on for ever: so the device itself is looked at. */
function watch(path: string): void {
  const opened = identity(path);
  const timer = setInterval(() => {
    if (identity(path) === opened) return;
    clearInterval(timer);
    void closed().then(end);
  }, limits.serialLookMs);
}

const loaded = await import('serialport').catch((error: unknown) => {
  const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  end(missing ? notInstalled : `the package serialport cannot be loaded: ${String(error)}`);
  return null;
});

if (loaded !== null) {
  const port = new loaded.SerialPort({ ...plan, autoOpen: false });
  port.open((error) => {
    if (error) void advice(error.message).then(end);
    else watch(plan.path);
  });
  port.on('data', (bytes: Buffer) => {
    if (!process.stdout.write(bytes)) {
      port.pause();
      process.stdout.once('drain', () => port.resume());
    }
  });
  port.on('error', (error) => void advice(error.message).then(end));
  port.on('close', () => void closed().then(end));
  process.stdout.on('error', () => process.exit(1));
}
