/**
 * The process that holds a serial line: what comes in on the line goes out on standard output. The only door to the package serialport.
 *
 * Guarantees: whatever the native binding does, crash or hang, it does here; one line on stderr says why it ended, beginning with a word of
 * `PortEnd`. Ends with its parent (setpriv), or with the first byte that nobody reads any more. Deliberately knows no framing and tries nothing twice.
 */
import type { PortEnd, PortPlan } from './port-plan.js';

const plan = JSON.parse(process.argv[2] ?? '{}') as PortPlan;

function end(why: PortEnd, message: string): void {
  process.stderr.write(`${why} ${message.split('\n', 1)[0]}\n`, () => process.exit(1));
}

/** What the binding calls things: it has no codes. */
function openEnd(message: string): PortEnd {
  if (/no such file|no such device|ENOENT|ENODEV|ENXIO/i.test(message)) return 'gone';
  if (/permission|EACCES|EPERM/i.test(message)) return 'forbidden';
  if (/cannot lock|busy|temporarily unavailable/i.test(message)) return 'busy';
  return 'failed';
}

const loaded = await import('serialport').catch((error: unknown) => {
  const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  end(missing ? 'missing' : 'failed', String(error));
  return null;
});

if (loaded !== null) {
  const port = new loaded.SerialPort({ ...plan, autoOpen: false });
  port.open((error) => {
    if (error) end(openEnd(error.message), error.message);
  });
  port.on('data', (bytes: Buffer) => {
    if (!process.stdout.write(bytes)) {
      port.pause();
      process.stdout.once('drain', () => port.resume());
    }
  });
  port.on('error', (error) => end('failed', error.message));
  // A moment, until the system has taken the name of what was unplugged away too.
  port.on('close', () => setTimeout(() => end('closed', 'the line was closed by the other side'), 200));
  process.stdout.on('error', () => process.exit(1));
}
